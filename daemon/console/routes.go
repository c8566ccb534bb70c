package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
)

// maxGuesses is the number of wrong tokens that an address may submit per minute.
const maxGuesses = 10

// New returns a console. The error reports a failure to create the limiter or the session store.
func New(o Options) (*Console, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	guesses, err := ratelimit.New(maxGuesses, nil, o.Now)
	if err != nil {
		return nil, err
	}
	all, err := newSessions(o.Now)
	if err != nil {
		return nil, err
	}
	c := &Console{Options: o, sessions: all, guesses: guesses}
	c.handler = c.routes()
	return c, nil
}

// routes returns the handler of all pages. It rejects a form from another site before any page handler
// runs.
func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /console/assets/{name}", serveAsset)
	mux.Handle("GET /console/signin", c.public((*request).signInPage))
	mux.Handle("POST /console/signin", c.public((*request).signIn))
	mux.Handle("POST /console/signout", c.signedIn((*request).signOut))
	mux.Handle("GET /{$}", c.signedIn((*request).showOverview))
	mux.Handle("GET /console/{$}", c.signedIn((*request).showOverview))
	mux.Handle("GET /console/keys", c.signedIn((*request).listKeys))
	mux.Handle("POST /console/keys", c.signedIn((*request).search))
	mux.Handle("GET /console/key", c.signedIn((*request).showKey))
	mux.Handle("GET /console/keys/import", c.signedIn((*request).newKeyImport))
	mux.Handle("POST /console/keys/import", c.signedIn((*request).importKeys))
	mux.Handle("GET /console/plans", c.signedIn((*request).listPlans))
	mux.Handle("GET /console/plans/import", c.signedIn((*request).newPlanImport))
	mux.Handle("POST /console/plans/import", c.signedIn((*request).importPlans))
	mux.Handle("GET /console/plan/{verb}", c.signedIn((*request).showPlanForm))
	mux.Handle("POST /console/plan/save", c.signedIn((*request).savePlan))
	mux.Handle("GET /console/stock", c.signedIn((*request).showStock))
	mux.Handle("GET /console/tasks", c.signedIn((*request).listTasks))
	mux.Handle("GET /console/task", c.signedIn((*request).showTask))
	mux.Handle("GET /console/issue", c.signedIn((*request).newOrder))
	mux.Handle("GET /console/activity", c.signedIn((*request).listActivity))
	mux.Handle("GET /console/activity/export", c.signedIn((*request).exportActivity))
	mux.Handle("POST /console/bulk", c.signedIn((*request).bulkAction))
	mux.Handle("GET /console/keys/export", c.signedIn((*request).exportKeys))
	mux.Handle("GET /console/tasks/export", c.signedIn((*request).exportTasks))
	mux.Handle("POST /console/issue", c.signedIn((*request).submitOrder))
	mux.Handle("GET /console/{noun}/{verb}", c.signedIn((*request).confirmAction))
	mux.Handle("POST /console/{noun}/{verb}", c.signedIn((*request).doAction))
	mux.Handle("/", c.public((*request).notFound))
	sameSite := http.NewCrossOriginProtection()
	sameSite.SetDenyHandler(c.public((*request).crossSite))
	return sameSite.Handler(mux)
}

// contentPolicy lets a page load files of the console only, and forbids every site to frame it.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// requestTimeout is the time limit of a request. It is shorter than a browser's own limit, so that the browser
// shows our error page when the database is down.
const requestTimeout = 12 * time.Second

// The maximum sizes of a submitted form, in bytes. An import contains a file of up to [maxFile] bytes in base64, which
// a form may triple in size.
const (
	maxFormSize   = 64 << 10
	maxImportSize = 4*maxFile + maxFormSize
)

// ServeHTTP implements [http.Handler].
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer a browser sends "Origin: null" with our own forms
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	size := int64(maxFormSize)
	if strings.HasSuffix(r.URL.Path, "/import") {
		size = maxImportSize
	}
	r.Body = http.MaxBytesReader(w, r.Body, size)
	c.handler.ServeHTTP(w, r.WithContext(ctx))
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

func (*request) notFound() error { return errNotFound }

func (*request) crossSite() error { return errCrossSite }
