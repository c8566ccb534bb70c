// Package console is the web interface for operators. It shows the state of the shop and the history of a
// key, and it has buttons for the actions of the admin API.
//
// [Console] handles the path / and the paths below /console/. An operator signs in with a token of the admin API and
// gets a session cookie. Each request looks the token up again, so a session ends when its token is removed.
//
// Pages read from the store. Changes go through the admin API itself, in the same process and with the session's own
// token. Therefore a change from the console has the same role checks, rules, history and audit log as a change by
// another client. Only an import of a CSV file is written to the store directly, as on the command line.
//
//	browser ─▶ Console ─▶ session, token ─▶ page ◀── tasks.Engine, adminstore, stats
//	               │
//	               └─ form ─▶ confirm ─▶ POST /admin/v1/… ─▶ tasks.Engine
//
// Lists show the ends of codes only. The page of a key shows the whole code if the role of the token allows it, and the
// audit log records that. No URL contains a code: a link has a reference to the key, sealed with the master keys.
//
// Every page works without JavaScript. JavaScript draws the charts and refreshes the data. A page
// loads nothing from other hosts, and it never contains a login, a password or a token.
package console

import (
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

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
	API            http.Handler // an [admin.API] with the same tokens, which makes every change except imports
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

// A Console is an HTTP handler for / and for the paths below /console/. It is safe for concurrent use.
type Console struct {
	Options
	sessions  *sessions          // the least recently used session ends if there are too many
	guesses   *ratelimit.Limiter // limits wrong tokens per client address
	deniedLog loglimit.Limiter   // limits the log lines about wrong tokens
	failedLog loglimit.Limiter   // limits the log lines about pages that failed
	cache     overviewCache
	handler   http.Handler
}

// A request is one HTTP request in progress.
type request struct {
	*Console
	w       http.ResponseWriter
	req     *http.Request
	session *session // nil: not signed in
	token   admin.Token
}

// ProxyUsers let operators sign in through a proxy that has authenticated them. The console believes the headers only
// if the request comes from one of the trusted proxies.
type ProxyUsers struct {
	UserHeader   string // names the operator
	GroupsHeader string // names the groups of the operator, with commas between them
	Roles        []GroupRole
}

// A GroupRole is the role of the operators in a group. Of several groups of an operator, the first in Roles counts.
type GroupRole struct {
	Group string // "*" for every operator
	Role  admin.Role
}

// A session is a browser that has signed in with a token.
type session struct {
	id         string // the cookie's value
	token      tasks.Secret
	formSecret string // a secret in every form of the session; pages of other sites cannot know it
	proxyUser  string // the operator's name, if a proxy has authenticated the operator; then there is no token
	startedAt  time.Time

	lastUsed atomic.Pointer[time.Time]
	note     atomic.Pointer[string] // message for the next page; nil: none
}

// sessions holds the sessions by the hash of their ids. Therefore the time of a lookup reveals nothing about valid ids.
// The sessions are in memory only, so they end when the daemon restarts.
type sessions = lru.Cache[[sha256.Size]byte, *session]
