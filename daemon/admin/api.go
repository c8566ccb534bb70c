// Package admin serves the admin API. Its clients are the operator's programs: a shop that issues a
// key for each order, a support desk, a dashboard.
//
// [API] is a handler that can be mounted in any mux. It serves JSON below /admin/v1/. Each error is a problem of RFC 9457
// with a stable [Code]. The [Role] of a client's token decides what the client may do. [Tokens] usually come from a
// [TokenFile]. The package has no rules for changes: [tasks.Engine] decides them.
//
//	request ─▶ route ─▶ token, role ─▶ decode ─▶ tasks.Engine, adminstore ─▶ response or problem
//	                                                                           │
//	                                                        a line and an entry of the audit log per write and per list of whole codes
//
// Two documents in OpenAPI 3.1 describe the admin API and the public API: openapi.json and
// public-openapi.json. Both are served below /admin/v1/ without a token.
package admin

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// An API serves the admin API below /admin/v1/. Set its fields before the first use; then any
// number of goroutines may use it.
type API struct {
	Engine     tasks.Engine // reads keys and applies admin actions; its Sealer seals codes in the cursors of lists
	AdminStore adminstore.AdminStore
	Tokens     Tokens
	Wake       func()         // is called when an admin action makes a task due; nil: not called
	Timeout    time.Duration  // for one request; 0: 10s
	Proxies    []netip.Prefix // proxies whose X-Forwarded-For is trusted for the client's address in the log
	Log        *slog.Logger   // includes the audit log; nil: no log
	Activity   activity.Store // stores the entries of the audit log, and lists them; nil: no entries

	unknownTokens     *ratelimit.Limiter // made when the first unknown token arrives
	unknownTokensOnce sync.Once

	unauthorized loglimit.Limiter // limits log lines about clients without a token
	failed       loglimit.Limiter // limits log lines about requests that failed
}

type call struct {
	*API
	r         *http.Request
	id        string // the id of the request
	start     time.Time
	route     route
	pathParam string // the variable segment of the path: a code or an id
	token     Token
	logAttrs  []slog.Attr // for the log, such as the key, the task or the plan
	disclosed int         // number of whole codes in the response that the client did not send
}

// base is the prefix of the path of every operation.
const base = "/admin/v1"

// A route is one operation. Its pattern has up to one variable segment.
type route struct {
	method  string
	pattern string // below base
	role    Role   // "": no token is needed
	do      func(*call) (response, error)
}

// String returns the operation's method and path, or "none" for the zero route.
func (r route) String() string {
	if r.method == "" {
		return "none"
	}
	return r.method + " " + base + r.pattern
}

func (r route) isChange() bool { return r.role == Write || r.role == Support }

// A mutation returns the change that an admin action makes to a snapshot. The argument id is the id of the change.
type mutation func(v tasks.Snapshot, id string) (tasks.Change, error)

// mutate applies an admin action. An event without a note gets a note with the name of the token. mutate returns the
// snapshot after the action. It does not read the snapshot again, because a failed read would hide that the change was
// made.
func (c *call) mutate(read func(context.Context) (tasks.Snapshot, error), decide mutation) (after tasks.Snapshot, err error) {
	err = c.Engine.Update(c.r.Context(), read, func(v tasks.Snapshot, id string) (tasks.Change, error) {
		change, err := decide(v, id)
		for i := range change.Events {
			change.Events[i].Note = cmp.Or(change.Events[i].Note, c.attributedNote(""))
		}
		after = v
		if change.Key != nil {
			after.Key = *change.Key
		}
		if change.Task != nil {
			after.Task = change.Task
		}
		return change, err
	})
	return after, err
}

func (c *call) attributedNote(note string) string {
	if note == "" {
		return "by " + c.token.Name
	}
	return note + " (by " + c.token.Name + ")"
}
