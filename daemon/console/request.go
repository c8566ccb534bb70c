package console

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/auditlog"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/tasks"
)

// refreshHeader is the header with which the script of an open page loads the page again.
const refreshHeader = "Keyseat-Refresh"

// isRefresh reports whether the script of an open page caused the request.
func (r *request) isRefresh() bool { return r.req.Header.Get(refreshHeader) != "" }

// cookieSession returns the session that the browser's cookie names, or nil.
func (r *request) cookieSession() *session {
	cookie, err := r.req.Cookie(r.cookieName())
	if err != nil {
		return nil
	}
	return r.sessions.find(cookie.Value, !r.isRefresh())
}

// redirect redirects the browser to another page of the console.
func (r *request) redirect(path string) {
	r.w.Header().Set("Location", path)
	r.w.WriteHeader(http.StatusSeeOther)
}

// send sends a response.
func (r *request) send(status int, contentType string, text []byte) {
	h := r.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	r.w.WriteHeader(status)
	if r.req.Method != http.MethodHead {
		_, _ = r.w.Write(text) // a browser that has disconnected is not an error
	}
}

// client returns the address of the browser.
func (r *request) client() netip.Addr { return ratelimit.ClientAddress(r.req, r.Proxies) }

// audit writes a line and an entry of the audit log about an action with a token. The admin API logs its own changes.
func (r *request) audit(action string, token admin.Token, others ...slog.Attr) {
	attrs := []slog.Attr{slog.String("action", action), slog.String("token", token.Name), slog.String("client", r.client().String())}
	log := auditlog.Log{Lines: r.Log, Entries: r.Activity, Errors: r.Log, Limiter: &r.failedLog}
	log.Write(r.req.Context(), slog.LevelInfo, "console", append(attrs, others...))
}

// The error pages of the console.
var (
	errForm        = pageError{http.StatusForbidden, "This form is not from your session", "Go back to the page, reload it and try again. Nothing was changed."}
	errCrossSite   = pageError{http.StatusForbidden, "This form is from another site", "Nothing was changed."}
	errNotFound    = pageError{http.StatusNotFound, "There is nothing here", "The requested page does not exist."}
	errUnavailable = pageError{http.StatusServiceUnavailable, "The console cannot answer now", "The database is away or slow, or the file of tokens cannot be read. Try again, and see the daemon's log."}
)

// A pageError is an error with a page of its own.
type pageError struct {
	Status int
	Title  string
	Text   string
}

func (e pageError) Error() string { return e.Title }

// toPageError returns the error page for err. An unknown error becomes errUnavailable.
func toPageError(err error) pageError {
	if e, is := errors.AsType[pageError](err); is {
		return e
	}
	if e, is := errors.AsType[csvfile.PartError](err); is {
		return pageError{http.StatusServiceUnavailable, "Only a part of the file is imported", "Of its rows " + e.Advice() + "."}
	}
	for _, missing := range []error{tasks.ErrNoKey, tasks.ErrNoTask} {
		if errors.Is(err, missing) {
			return pageError{http.StatusNotFound, "Not found", "In this database " + missing.Error() + "."}
		}
	}
	return errUnavailable
}

const cookieName = "keyseat_console"

// cookieName returns the name of the session's cookie. Over TLS, its prefix makes browsers refuse a cookie of that
// name from another host, or without Secure.
func (r *request) cookieName() string {
	if r.encrypted() {
		return "__Host-" + cookieName
	}
	return cookieName
}

// setCookie sets the session cookie for the given number of seconds. A negative number deletes the cookie.
func (r *request) setCookie(id string, seconds int) {
	http.SetCookie(r.w, &http.Cookie{ //nolint:gosec // without TLS a Secure cookie would not come back
		Name: r.cookieName(), Value: id, Path: "/", MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.encrypted(),
	})
}

// encrypted reports whether the browser uses TLS, with the daemon or with a proxy. It trusts
// X-Forwarded-Proto. A client that forges this header only marks its own cookie as Secure, so its browser
// does not send the cookie back.
func (r *request) encrypted() bool {
	return r.req.TLS != nil || strings.EqualFold(r.req.Header.Get("X-Forwarded-Proto"), "https")
}

// taskByID reads the task with the given id. A malformed id gives an empty snapshot, as an unknown task
// does.
func (r *request) taskByID(id string) (tasks.Snapshot, error) {
	if !csvfile.ValidID(id) {
		return tasks.Snapshot{}, nil
	}
	return r.AdminStore.Task(r.req.Context(), id)
}
