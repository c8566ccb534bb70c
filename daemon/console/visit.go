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

// A visit is one request on its way.
type visit struct {
	*Console
	w       http.ResponseWriter
	r       *http.Request
	session *session // nil: nobody has signed in
	token   admin.Token
}

// A handler answers a visit. An error becomes a page that tells of it.
type handler func(v *visit) error

// open is for everybody.
func (c *Console) open(do handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Console: c, w: w, r: r}
		v.finish(r.Context(), v.guarded(do))
	})
}

// signedIn is for those who have a session whose token is still good; others are asked for one. What
// changes anything must come from a form of the session.
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

// recognize finds the session, and looks for its token again: one that was taken out of the file ends
// its sessions. The error says that nobody can be told.
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

// cookie gives the session that the browser says it has.
func (v *visit) cookie() *session {
	cookie, err := v.r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	return v.sessions.find(cookie.Value)
}

// guarded makes a panic an error. Its value is not told, since it could hold what was submitted.
func (v *visit) guarded(do handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic with a %T", p)
		}
	}()
	return do(v)
}

// goTo sends the browser to another page of ours.
func (v *visit) goTo(path string) {
	v.w.Header().Set("Location", path)
	v.w.WriteHeader(http.StatusSeeOther)
}

// may says whether the visitor can change anything.
func (v *visit) may() bool { return v.token.Role == admin.Write }

// What a visit can be refused for.
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

// troubleOf finds what to tell of an error. What it does not know is a trouble of ours.
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

// finish tells of an error.
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

// logFailure logs why a page cannot be shown. Anybody can ask for one again and again.
func (v *visit) logFailure(ctx context.Context, err error) {
	v.failed.Log(ctx, v.Log, loglimit.Event{
		Subject: err.Error(), Level: slog.LevelError, Message: "console", Attrs: []slog.Attr{slog.String("error", err.Error())},
	})
}

func (*visit) nowhere() error { return errNowhere }
func (*visit) foreign() error { return errForeign }
