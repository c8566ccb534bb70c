package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

// Options configure a console. API, Tokens, Engine and AdminStore are required.
type Options struct {
	API            http.Handler // an [admin.API] with the same tokens: the console sends every change to it
	Tokens         admin.Tokens
	Engine         tasks.Engine // the console uses its read methods only
	AdminStore     adminstore.AdminStore
	TaskStats      stats.TaskStats                 // nil: the overview has no chart of outcomes
	ConnectorStats func() []metrics.ConnectorStats // of this daemon's connector; nil: not shown
	Proxies        []netip.Prefix                  // proxies whose X-Forwarded-For is trusted when failed sign-ins are counted
	Now            func() time.Time                // nil: time.Now
	Log            *slog.Logger                    // nil: nothing is logged
}

// A Console is an HTTP handler for / and for the paths below /console/ of the server that it is mounted on.
// It is safe for concurrent use.
type Console struct {
	Options
	sessions *sessions
	guesses  *ratelimit.Limiter // wrong tokens per client address
	denied   loglimit.Limiter   // limits the log lines about wrong tokens
	failed   loglimit.Limiter   // limits the log lines about pages that failed
	readings readings
	handler  http.Handler
}

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
	sessions, err := newSessions(o.Now)
	if err != nil {
		return nil, err
	}
	c := &Console{Options: o, sessions: sessions, guesses: guesses}
	c.handler = c.routes()
	return c, nil
}

// routes returns the handler of all pages. It rejects a form from another site before any page handler
// runs.
func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /console/assets/{name}", serveAsset)
	mux.Handle("GET /console/signin", c.open((*visit).signInPage))
	mux.Handle("POST /console/signin", c.open((*visit).signIn))
	mux.Handle("POST /console/signout", c.signedIn((*visit).signOut))
	mux.Handle("GET /{$}", c.signedIn((*visit).overview))
	mux.Handle("GET /console/{$}", c.signedIn((*visit).overview))
	mux.Handle("GET /console/keys", c.signedIn((*visit).keys))
	mux.Handle("GET /console/key", c.signedIn((*visit).key))
	mux.Handle("GET /console/plans", c.signedIn((*visit).plans))
	mux.Handle("GET /console/tasks", c.signedIn((*visit).tasks))
	mux.Handle("GET /console/task", c.signedIn((*visit).task))
	mux.Handle("GET /console/issue", c.signedIn((*visit).issuePage))
	mux.Handle("POST /console/issue", c.signedIn((*visit).issue))
	mux.Handle("GET /console/{noun}/{verb}", c.signedIn((*visit).confirm))
	mux.Handle("POST /console/{noun}/{verb}", c.signedIn((*visit).act))
	mux.Handle("/", c.open((*visit).nowhere))
	strangers := http.NewCrossOriginProtection()
	strangers.SetDenyHandler(c.open((*visit).foreign))
	return strangers.Handler(mux)
}

// policy lets a page load files of the console only, and forbids every site to frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// patience is the time limit of a request. It is shorter than a browser's own limit, so that the browser
// shows our error page when the database is down.
const patience = 12 * time.Second

// maxForm is the maximum size of a submitted form, in bytes.
const maxForm = 64 << 10

// ServeHTTP implements [http.Handler].
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer a browser sends "Origin: null" with our own forms
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	c.handler.ServeHTTP(w, r.WithContext(ctx))
}
