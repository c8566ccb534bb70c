package console

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/stats"
)

// maxGuesses is the number of wrong tokens that an address may submit per minute.
const maxGuesses = 10

// New returns a console.
func New(o Options) *Console {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	c := &Console{Options: o}
	c.guesses, _ = ratelimit.New(maxGuesses, nil, o.Now)              // fails only for a limit of 0
	c.sessions, _ = lru.New[[sha256.Size]byte, *session](maxSessions) // fails only for a size of 0
	c.cache.charts, c.cache.sold = map[chartSelection]cached[charts]{}, map[stock.Country]cached[stats.Sold]{}
	c.handler = c.routes()
	return c
}

// routes returns the handler of all pages. It rejects a form from another site before any page handler runs.
func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /console/assets/{name}", serveAsset)
	mux.Handle("GET /console/signin", c.public(func(r *request) error { return r.showSignIn(http.StatusOK, "") }))
	mux.Handle("POST /console/signin", c.public((*request).signIn))
	mux.Handle("POST /console/signout", c.signedIn((*request).signOut))
	mux.Handle("GET /{$}", c.signedIn((*request).showOverview))
	mux.Handle("GET /console/{$}", c.signedIn((*request).showOverview))
	mux.Handle("GET /console/keys", c.signedIn((*request).listKeys))
	mux.Handle("POST /console/keys", c.signedIn((*request).search))
	mux.Handle("GET /console/key", c.signedIn((*request).showKey))
	mux.Handle("GET /console/keys/import", c.signedIn(func(r *request) error { return r.showImport(http.StatusOK, keyImport()) }))
	mux.Handle("POST /console/keys/import", c.signedIn((*request).importKeys))
	mux.Handle("GET /console/plans", c.signedIn((*request).listPlans))
	mux.Handle("GET /console/plans/import", c.signedIn(func(r *request) error { return r.showImport(http.StatusOK, planImport()) }))
	mux.Handle("POST /console/plans/import", c.signedIn((*request).importPlans))
	mux.Handle("GET /console/plan/{verb}", c.signedIn((*request).showPlanForm))
	mux.Handle("POST /console/plan/save", c.signedIn((*request).savePlan))
	mux.Handle("GET /console/stock", c.signedIn((*request).showStock))
	mux.Handle("GET /console/tasks", c.signedIn((*request).listTasks))
	mux.Handle("GET /console/task", c.signedIn((*request).showTask))
	mux.Handle("GET /console/issue", c.signedIn(func(r *request) error { return r.showOrder(http.StatusOK, order{Count: "1"}) }))
	mux.Handle("GET /console/activity", c.signedIn((*request).listActivity))
	mux.Handle("GET /console/activity/export", c.signedIn((*request).exportActivity))
	mux.Handle("POST /console/bulk", c.signedIn((*request).bulkAction))
	mux.Handle("GET /console/keys/export", c.signedIn((*request).exportKeys))
	mux.Handle("GET /console/tasks/export", c.signedIn((*request).exportTasks))
	mux.Handle("POST /console/issue", c.signedIn((*request).submitOrder))
	mux.Handle("GET /console/{noun}/{verb}", c.signedIn((*request).confirmAction))
	mux.Handle("POST /console/{noun}/{verb}", c.signedIn((*request).doAction))
	mux.Handle("/", c.public(func(*request) error { return errNotFound }))
	sameSite := http.NewCrossOriginProtection()
	sameSite.SetDenyHandler(c.public(func(*request) error { return errCrossSite }))
	return sameSite.Handler(mux)
}

// contentPolicy lets a page load only files of the console, and forbids every site to show the page in a frame.
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
	h.Set("Referrer-Policy", "same-origin") // with no-referrer, a browser sends "Origin: null" with the forms of the console, as if they came from another site
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
		ctx := req.Context()
		defer func() {
			if p := recover(); p != nil {
				r.showError(ctx, fmt.Errorf("panic with a %T", p)) // not its value, which may contain submitted data
			}
		}()
		r.showError(ctx, do(r))
	})
}

// signedIn returns a handler for clients with a session whose token is still valid. It redirects other
// clients to the sign-in page. A POST request must carry the session's form secret.
func (c *Console) signedIn(do handler) http.Handler {
	return c.public(func(r *request) error {
		if err := r.authenticate(); err != nil {
			return err
		}
		if r.session == nil {
			r.redirect("/console/signin")
			return nil
		}
		if r.req.Method == http.MethodPost {
			if err := r.checkForm(); err != nil {
				return err
			}
		}
		return do(r)
	})
}

// checkForm parses the submitted form, and checks the session's secret in it. A form that is too large is not parsed, and
// has no secret.
func (r *request) checkForm() error {
	err := errors.Join(r.req.ParseForm(), r.req.ParseMultipartForm(maxImportSize))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return errTooLarge
	}
	if !r.session.isFormSecret(r.req.PostFormValue("form")) {
		return errForm
	}
	return nil
}

// authenticate finds the session of the request and looks its token up again. If the token is no longer in the file of
// tokens, authenticate ends the session. It returns an error if the token cannot be looked up.
func (r *request) authenticate() error {
	if is, err := r.authenticateByProxy(); is || err != nil {
		return err
	}
	found := r.cookieSession()
	if found == nil || found.proxyUser != "" { // a session that a proxy started is valid only while the proxy names its operator
		return nil
	}
	token, err := r.Tokens.Find(found.token.Reveal())
	if err != nil {
		return err
	}
	if token.Role == "" {
		r.endSession(found)
		return nil
	}
	r.session, r.token = found, token
	return nil
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
