// Package console is the web interface for operators. It shows the state of the shop and the history of a
// key, and it has buttons for the actions of the admin API.
//
// [Console] handles the path / and the paths below /console/. An operator signs in with a token of the
// admin API and gets a session, which is a cookie. Each request looks the token up again. Therefore a
// session ends when the token's line is removed from the file.
//
// Pages read from the store. Changes go through the admin API itself, in the same process and with the
// session's own token. Therefore a change from the console has the same role checks, rules, history and
// audit log as any other. Only an import of a CSV file goes to the store, as on the command line.
//
//	browser ─▶ Console ─▶ session, token ─▶ page ◀── tasks.Engine, adminstore, stats
//	               │
//	               └─ form ─▶ confirm ─▶ POST /admin/v1/… ─▶ tasks.Engine
//
// Lists show the ends of codes only. The page of a key shows the whole code if the role of the token allows it, and
// the audit log records that. No URL contains a code: a link has a reference to the key, which is sealed with the
// master keys.
//
// Every page works without JavaScript. JavaScript draws the charts and refreshes the data. A page
// loads nothing from other hosts, and it never contains a login, a password or a token.
package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

// Options configure a console. API, Tokens, Engine and AdminStore are required.
type Options struct {
	API            http.Handler // an [admin.API] with the same tokens: the console sends every change but imports to it
	Tokens         admin.Tokens
	Engine         tasks.Engine // the console uses its read methods only, and its Sealer for references to keys
	AdminStore     adminstore.AdminStore
	Activity       activity.Store                  // stores and lists the entries of the audit log; nil: no entries
	TaskStats      stats.TaskStats                 // nil: the overview has no chart of outcomes
	ConnectorStats func() []metrics.ConnectorStats // of this daemon's connector; nil: not shown
	// LowStock returns the number of free slots at which a country is low. It returns false if the country has no such
	// number. If LowStock is nil, the console marks no country as low.
	LowStock   func(stock.Country) (threshold int, ok bool)
	Simulated  bool             // the connector is the simulator: every page says so
	Proxies    []netip.Prefix   // proxies whose X-Forwarded-For is trusted for the address of a browser
	ProxyUsers ProxyUsers       // how operators sign in through a proxy; zero: they do not
	SignInLink bool             // the sign-in page takes a token from its address: /console/signin#token=TOKEN
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger     // nil: nothing is logged
}

// A Console is an HTTP handler for / and for the paths below /console/ of the server that it is mounted on.
// It is safe for concurrent use.
type Console struct {
	Options
	sessions  *sessions
	guesses   *ratelimit.Limiter // wrong tokens per client address
	deniedLog loglimit.Limiter   // limits the log lines about wrong tokens
	failedLog loglimit.Limiter   // limits the log lines about pages that failed
	cache     overviewCache
	handler   http.Handler
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
