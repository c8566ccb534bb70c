// Package admin serves the admin API. Its clients are the operator's programs: a shop that issues a
// key for each order, a support desk, a dashboard.
//
// [API] is a handler that mounts in any mux. It uses JSON below /admin/v1/. Each error is a problem
// of RFC 9457 with a stable [Code]. The [Role] of its token decides what a client may do. [Tokens]
// usually come from a [TokenFile]. The package has no rules for changes: [tasks.Engine] decides them.
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
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/auditlog"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// An API serves the admin API below /admin/v1/. Set its fields before the first use; then any
// number of goroutines may use it.
type API struct {
	Engine     tasks.Engine // does not accept requests or work on tasks here; its Sealer hides codes in the cursors of lists
	AdminStore adminstore.AdminStore
	Tokens     Tokens
	Wake       func()         // is called when an admin action makes a task due; nil: not called
	Timeout    time.Duration  // for one request; 0: 10s
	Proxies    []netip.Prefix // proxies whose X-Forwarded-For is trusted for the client's address in the log
	Log        *slog.Logger   // includes the audit log; nil: no log
	Activity   activity.Store // stores the entries of the audit log, and lists them; nil: no entries

	unknownTokens     *ratelimit.Limiter // made at the first unknown token
	unknownTokensOnce sync.Once

	unauthorized loglimit.Limiter // limits log lines about clients without a token
	failed       loglimit.Limiter // limits log lines about requests that failed
}

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), cmp.Or(a.Timeout, 10*time.Second))
	defer cancel()
	c := &call{API: a, r: r.WithContext(ctx), id: rand.Text()[:16], start: time.Now()}
	w.Header().Set("X-Request-Id", c.id)
	resp, err := c.handle() //nolint:contextcheck // the request of the call has the context
	if err != nil {
		resp = toAPIError(err).response()
	}
	resp.write(w)
	c.log(ctx, resp, err)
}

type call struct {
	*API
	r         *http.Request
	id        string // of the request
	start     time.Time
	route     route
	pathParam string // from the path: a code or an id
	token     Token
	logAttrs  []slog.Attr // for the log, such as the key, the task or the plan
	disclosed int         // number of whole codes in the response that the client did not send
}

// handle finds the route of the request and runs it. A panic becomes an error without the panic's value,
// because the value could contain submitted data.
func (c *call) handle() (resp response, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic with a %T", p)
		}
	}()
	matching, pathParam := match(c.r.URL.EscapedPath())
	chosen, found := selectMethod(matching, c.r.Method)
	c.route, c.pathParam = chosen, pathParam
	if !found || chosen.role != "" {
		if c.token, err = c.authenticate(); err != nil {
			return resp, err
		}
	}
	switch {
	case len(matching) == 0:
		return resp, apiError{NotFound, "the API is described at " + base + "/openapi.json"}
	case !found:
		return methodNotAllowed(allowedMethods(matching)), nil
	case chosen.role != "" && !c.token.Role.Allows(chosen.role):
		return resp, apiError{Forbidden, "this needs a token with the role " + string(chosen.role)}
	}
	return chosen.do(c)
}

type tokenKey struct{}

// WithToken returns a context for requests inside this process, which need no other authentication. The caller has
// authenticated the client, and decides its name and role.
func WithToken(ctx context.Context, t Token) context.Context {
	return context.WithValue(ctx, tokenKey{}, t)
}

// maxUnknownTokens is the number of unknown tokens that an address may send per minute. A known token is never counted or
// refused, so that a client cannot lock out another one with the same address. Tokens are too long to guess, so the
// limit only saves work and log lines.
const maxUnknownTokens = 10

// authenticate returns the token of the client (RFC 6750, section 2.1).
func (c *call) authenticate() (Token, error) {
	if t, inside := c.r.Context().Value(tokenKey{}).(Token); inside {
		return t, nil
	}
	scheme, text, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	text = strings.TrimSpace(text)
	if !strings.EqualFold(scheme, "Bearer") || text == "" || len(c.r.Header["Authorization"]) != 1 {
		return Token{}, apiError{Unauthorized, "send a token as Authorization: Bearer TOKEN"}
	}
	t, err := c.Tokens.Find(text)
	if err != nil || t.Role != "" {
		return t, err
	}
	c.unknownTokensOnce.Do(func() {
		c.unknownTokens, _ = ratelimit.New(maxUnknownTokens, nil, time.Now) // fails only for a limit of 0
	})
	if c.unknownTokens.Record(c.r.Context(), c.client()) > 0 {
		return t, apiError{TooMany, "too many unknown tokens came from this address: try again in a minute"}
	}
	return t, apiError{Unauthorized, "nobody has this token, or it has expired"}
}

// client returns the address of the client. All invalid addresses are the same one.
func (c *call) client() netip.Addr { return ratelimit.ClientAddress(c.r, c.Proxies) }

// log writes a line about the request. Each write that was tried with a token has a line in the audit log, at info, or
// at error if the store failed. The line contains the name of the token, the action and its target. A response with
// whole codes has such a line too, with their number. Each of these lines has an entry in the activity.
//
// The lines about other refused or failed requests are limited. A client without a token can repeat
// its requests, and so can any client while the store fails.
func (c *call) log(ctx context.Context, resp response, err error) {
	level := c.level(resp)
	audited := c.isAudited(resp)
	if !audited && (c.Log == nil || !c.Log.Enabled(ctx, level)) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request", c.id), slog.String("action", c.route.String()), slog.String("token", c.token.Name),
		slog.Int("code", resp.status), slog.Duration("duration", time.Since(c.start)), slog.String("client", c.client().String()),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	attrs = append(attrs, c.logAttrs...)
	switch {
	case audited:
		auditlog.Log{Lines: c.Log, Entries: c.Activity, Errors: c.Log, Limiter: &c.failed}.Write(ctx, level, "admin", attrs)
	case isUnknownToken(resp):
		c.unauthorized.Log(ctx, c.Log, loglimit.Event{Subject: c.client().String(), Level: level, Message: "admin", Attrs: attrs})
	case level == slog.LevelError:
		c.failed.Log(ctx, c.Log, loglimit.Event{Subject: fmt.Sprint(err), Level: level, Message: "admin", Attrs: attrs})
	default:
		c.Log.LogAttrs(ctx, level, "admin", attrs...)
	}
}

// isUnknownToken reports whether the request had no token, or an unknown one.
func isUnknownToken(resp response) bool {
	return resp.status == http.StatusUnauthorized || resp.status == http.StatusTooManyRequests
}

func (c *call) level(resp response) slog.Level {
	switch {
	case resp.status == http.StatusServiceUnavailable:
		return slog.LevelError
	case isUnknownToken(resp):
		return slog.LevelWarn
	case c.isAudited(resp):
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// isAudited reports whether the request belongs to the audit log: a client with a token has tried a write, or the
// response has whole codes.
func (c *call) isAudited(resp response) bool {
	return c.token.Role != "" && (c.route.isChange() || c.disclosed > 0 && resp.status < http.StatusBadRequest)
}

// disclose records that the response contains n whole codes that the client did not send.
func (c *call) disclose(n int) {
	c.disclosed = n
	c.logAttrs = append(c.logAttrs, slog.Int("count", n))
}

// A mutation returns the change of an admin action on a snapshot. id is the id of the change.
type mutation func(v tasks.Snapshot, id string) (tasks.Change, error)

// mutate applies an admin action, with the name of the token in each event that has no note. It returns the snapshot
// after the action. It does not read the snapshot again, because a failed read would hide that the change was made.
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
