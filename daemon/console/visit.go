package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/tasks"
)

// A visit is one request in progress.
type visit struct {
	*Console
	w       http.ResponseWriter
	r       *http.Request
	session *session // nil: not signed in
	token   admin.Token
}

// A handler serves a visit. An error becomes an error page.
type handler func(v *visit) error

// open returns a handler for all visitors, with or without a session.
func (c *Console) open(do handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Console: c, w: w, r: r}
		v.finish(r.Context(), v.guarded(do))
	})
}

// signedIn returns a handler for visitors with a session whose token is still valid. It redirects other
// visitors to the sign-in page. A POST request must carry the session's form secret, else it gets errForm.
func (c *Console) signedIn(do handler) http.Handler {
	return c.open(func(v *visit) error {
		if err := v.recognize(); err != nil {
			return err
		}
		if v.session == nil {
			v.goTo("/console/signin")
			return nil
		}
		if v.r.Method == http.MethodPost && !v.session.sent(v.r.PostFormValue("form")) {
			return errForm
		}
		return do(v)
	})
}

// recognize finds the session of the request and looks its token up again. If the token was removed from
// the file, recognize ends the session. It returns an error if the token cannot be looked up.
func (v *visit) recognize() error {
	known := v.cookie()
	if known == nil {
		return nil
	}
	token, err := v.Tokens.Find(known.token.Reveal())
	if err != nil {
		return err
	}
	if token.Role == "" {
		v.sessions.end(known)
		return nil
	}
	v.session, v.token = known, token
	return nil
}

// cookie returns the session that the browser's cookie names, or nil.
func (v *visit) cookie() *session {
	cookie, err := v.r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	return v.sessions.find(cookie.Value)
}

// guarded calls do and converts a panic to an error. The error has only the type of the panic's value,
// because the value may contain submitted data.
func (v *visit) guarded(do handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic with a %T", p)
		}
	}()
	return do(v)
}

// goTo redirects the browser to another page of the console.
func (v *visit) goTo(path string) {
	v.w.Header().Set("Location", path)
	v.w.WriteHeader(http.StatusSeeOther)
}

// may reports whether the visitor can change data.
func (v *visit) may() bool { return v.token.Role == admin.Write }

// The error pages of the console.
var (
	errForm    = trouble{http.StatusForbidden, "This form is not from your session", "Go back to the page, load it anew and try again. Nothing was changed."}
	errForeign = trouble{http.StatusForbidden, "This form is from another site", "Nothing was changed."}
	errNowhere = trouble{http.StatusNotFound, "There is nothing here", "The page that you asked for does not exist."}
	errAway    = trouble{http.StatusServiceUnavailable, "The console cannot answer now", "The database is away or slow, or the file of tokens cannot be read. Try again, and see the daemon's log."}
)

// A trouble is an error with a page of its own.
type trouble struct {
	Status int
	Title  string
	Text   string
}

func (t trouble) Error() string { return t.Title }

// troubleOf returns the error page for err. An unknown error becomes errAway.
func troubleOf(err error) trouble {
	if t, is := errors.AsType[trouble](err); is {
		return t
	}
	for _, missing := range []error{tasks.ErrNoKey, tasks.ErrNoTask} {
		if errors.Is(err, missing) {
			return trouble{http.StatusNotFound, "Not found", "In this database " + missing.Error() + "."}
		}
	}
	return errAway
}

// finish shows the error page for err, if any. It logs server errors.
func (v *visit) finish(ctx context.Context, err error) {
	if err == nil {
		return
	}
	t := troubleOf(err)
	if t.Status >= http.StatusInternalServerError {
		v.logFailure(ctx, err)
	}
	if err := v.show(t.Status, page{"trouble", t.Title, "", t}); err != nil {
		v.logFailure(ctx, err)
		http.Error(v.w, t.Title, t.Status)
	}
}

// logFailure logs why a page failed. Lines are limited, because any client can repeat a failing request.
func (v *visit) logFailure(ctx context.Context, err error) {
	v.failed.Log(ctx, v.Log, loglimit.Event{
		Subject: err.Error(), Level: slog.LevelError, Message: "console", Attrs: []slog.Attr{slog.String("error", err.Error())},
	})
}

func (*visit) nowhere() error { return errNowhere }
func (*visit) foreign() error { return errForeign }
