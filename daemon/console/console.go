package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/tasks"
)

// Options are what a console is made from. Those without a remark are needed.
type Options struct {
	API            http.Handler // an [admin.API] with the same tokens: whatever changes something is asked of it
	Tokens         admin.Tokens
	Engine         tasks.Engine // of which only what reads is used
	AdminStore     tasks.AdminStore
	TaskStats      tasks.TaskStats                 // nil: outcomes over time are not shown
	ConnectorStats func() []metrics.ConnectorStats // of this daemon's connector; nil: they are not shown
	Proxies        []netip.Prefix                  // whose X-Forwarded-For is believed where attempts to sign in are counted
	Now            func() time.Time                // nil: time.Now
	Log            *slog.Logger                    // nil: silence
}

// A Console answers at / and below /console/ of wherever it is mounted. Any number of goroutines may
// use it.
type Console struct {
	Options
	sessions *sessions
	guesses  *daemon.Strangers // that were wrong, per address
	denied   loglimit.Limiter  // the lines on wrong tokens
	failed   loglimit.Limiter  // the lines on pages that cannot be shown
	readings readings
	handler  http.Handler
}

// maxGuesses is how many wrong tokens an address may show in a minute.
const maxGuesses = 10

// New makes a console.
func New(o Options) (*Console, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	guesses, err := daemon.NewStrangers(maxGuesses, nil, o.Now)
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

// routes are the pages. A form that another site has sent is refused before anything is looked at.
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

// policy lets a page have what the console itself serves, and be framed by nobody.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// patience bounds a request: a page of a database that is away says so before the browser gives up.
const patience = 12 * time.Second

// maxForm bounds what a form sends, in bytes.
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
