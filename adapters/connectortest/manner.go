package connectortest

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A manner is one way of responding, in most cases a misbehavior. If it returns true, the good response follows.
type manner func(w http.ResponseWriter, r *http.Request, arg string) bool

var manners = map[string]manner{
	"cut":         cut,
	"silent":      silent,
	"slow":        slow,
	"drip":        drip,
	"huge":        huge,
	"truncated":   truncated,
	"redirect":    redirect,
	"html":        with("<html><body>We will be back soon</body></html>"),
	"empty":       with(""),
	"no_outcome":  with(`{"username":"nobody"}`),
	"odd_outcome": with(`{"outcome":"eaten_by_bears"}`),
}

// withStatus responds with a status. If its argument is not empty, the argument is the header Retry-After.
func withStatus(status int) manner {
	return func(w http.ResponseWriter, _ *http.Request, retryAfter string) bool {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
		return false
	}
}

func with(body string) manner {
	return func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		_, _ = io.WriteString(w, body)
		return false
	}
}

func cut(http.ResponseWriter, *http.Request, string) bool { panic(http.ErrAbortHandler) }

func silent(_ http.ResponseWriter, r *http.Request, _ string) bool {
	<-r.Context().Done()
	return cut(nil, nil, "")
}

func slow(_ http.ResponseWriter, r *http.Request, arg string) bool {
	ms, _ := strconv.Atoi(arg)
	return wait(r, time.Duration(ms)*time.Millisecond)
}

func drip(w http.ResponseWriter, r *http.Request, _ string) bool {
	for wait(r, time.Second) {
		_, _ = io.WriteString(w, " ")
		_ = http.NewResponseController(w).Flush()
	}
	return false
}

func huge(w http.ResponseWriter, _ *http.Request, _ string) bool {
	const pieces = 160
	piece := strings.Repeat("a", 10<<20/pieces)
	_, err := io.WriteString(w, `{"outcome":"success","username":"`)
	for i := 0; i < pieces && err == nil; i++ { // a client that has read enough closes the connection
		_, err = io.WriteString(w, piece)
	}
	_, _ = io.WriteString(w, `"}`)
	return false
}

func truncated(w http.ResponseWriter, _ *http.Request, _ string) bool {
	w.Header().Set("Content-Length", "40")
	_, _ = io.WriteString(w, `{"outcome":"success"`)
	_ = http.NewResponseController(w).Flush()
	return cut(nil, nil, "")
}

func redirect(w http.ResponseWriter, r *http.Request, _ string) bool {
	http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	return false
}

// wait waits for the pause. It returns false if the client disconnects first.
func wait(r *http.Request, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
