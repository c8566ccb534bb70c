package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/auditlog"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/tasks"
)

// A request is one HTTP request in progress.
type request struct {
	*Console
	w       http.ResponseWriter
	req     *http.Request
	session *session // nil: not signed in
	token   admin.Token
}

// A handler serves a request. An error becomes an error page.
type handler func(r *request) error

// public returns a handler for all clients, with or without a session.
func (c *Console) public(do handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r := &request{Console: c, w: w, req: req}
		r.showError(req.Context(), r.recoverPanic(do))
	})
}

// signedIn returns a handler for clients with a session whose token is still valid. It redirects other
// clients to the sign-in page. A POST request must carry the session's form secret, else it gets errForm.
func (c *Console) signedIn(do handler) http.Handler {
	return c.public(func(r *request) error {
		if err := r.authenticate(); err != nil {
			return err
		}
		if r.session == nil {
			r.redirect("/console/signin")
			return nil
		}
		if r.req.Method == http.MethodPost && !r.session.isFormSecret(r.req.PostFormValue("form")) {
			return errForm
		}
		return do(r)
	})
}

// authenticate finds the session of the request and looks its token up again. If the token was removed from
// the file, authenticate ends the session. It returns an error if the token cannot be looked up.
func (r *request) authenticate() error {
	if is, err := r.authenticateByProxy(); is || err != nil {
		return err
	}
	found := r.cookieSession()
	if found == nil || found.proxyUser != "" { // such a session needs the proxy
		return nil
	}
	token, err := r.Tokens.Find(found.token.Reveal())
	if err != nil {
		return err
	}
	if token.Role == "" {
		r.sessions.end(found)
		return nil
	}
	r.session, r.token = found, token
	return nil
}

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

// recoverPanic calls do and converts a panic to an error. The error has only the type of the panic's value,
// because the value may contain submitted data.
func (r *request) recoverPanic(do handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic with a %T", p)
		}
	}()
	return do(r)
}

// redirect redirects the browser to another page of the console.
func (r *request) redirect(path string) {
	r.w.Header().Set("Location", path)
	r.w.WriteHeader(http.StatusSeeOther)
}

// permitted returns the actions that the operator's role allows.
func (r *request) permitted(all []action) []action {
	return slices.DeleteFunc(all, func(a action) bool { return !r.token.Role.Allows(a.role()) })
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
	for _, missing := range []error{tasks.ErrNoKey, tasks.ErrNoTask} {
		if errors.Is(err, missing) {
			return pageError{http.StatusNotFound, "Not found", "In this database " + missing.Error() + "."}
		}
	}
	return errUnavailable
}

// showError shows the error page for err, if any. It logs server errors.
func (r *request) showError(ctx context.Context, err error) {
	if err == nil {
		return
	}
	e := toPageError(err)
	if e.Status >= http.StatusInternalServerError {
		r.logFailure(ctx, err)
	}
	if err := r.render(e.Status, page{"error", e.Title, "", e}); err != nil {
		r.logFailure(ctx, err)
		http.Error(r.w, e.Title, e.Status)
	}
}

// logFailure logs why a page failed. The lines are limited, because any client can repeat a failing request.
func (r *request) logFailure(ctx context.Context, err error) {
	r.failedLog.LogState(ctx, r.Log, loglimit.Event{Subject: err.Error(), Level: slog.LevelError, Message: "console"}, err)
}

func (*request) notFound() error  { return errNotFound }
func (*request) crossSite() error { return errCrossSite }
