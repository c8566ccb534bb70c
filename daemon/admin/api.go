package admin

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/tasks"
)

// An API answers below /admin/v1/ of wherever it is mounted. Its fields are set before its first
// use; then any number of goroutines may use it.
type API struct {
	Engine     tasks.Engine // accepts no request and does no work here: it may lack what is for that
	AdminStore tasks.AdminStore
	Tokens     Tokens
	Wake       func()        // is told of each task that is due now; nil: nobody waits
	Timeout    time.Duration // of one request; 0: 10s
	Log        *slog.Logger  // the audit log among it; nil: silence

	unauthorized loglimit.Limiter // the lines on clients without a token
	failed       loglimit.Limiter // the lines on requests that could not be carried out
}

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), a.timeout())
	defer cancel()
	c := &call{API: a, r: r.WithContext(ctx), id: rand.Text()[:16], start: time.Now()}
	w.Header().Set("X-Request-Id", c.id)
	said, err := c.answer()
	if err != nil {
		said = faultOf(err).answer()
	}
	said.write(w)
	c.log(ctx, said, err)
}

func (a *API) timeout() time.Duration {
	if a.Timeout > 0 {
		return a.Timeout
	}
	return 10 * time.Second
}

// A call is one request on its way.
type call struct {
	*API
	r        *http.Request
	id       string // of the request
	start    time.Time
	route    route
	variable string // of the path: a code or an id
	token    Token
	about    []slog.Attr // what it is about, for the log
}

// answer finds the route and takes it. A panic is one of ours: its value is not told, since it could
// hold what was submitted.
func (c *call) answer() (said answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic with a %T", p)
		}
	}()
	matching, variable := match(c.r.URL.EscapedPath())
	chosen, is := choose(matching, c.r.Method)
	c.route, c.variable = chosen, variable
	if !is || chosen.role != "" {
		if c.token, err = c.authenticate(); err != nil {
			return said, err
		}
	}
	switch {
	case len(matching) == 0:
		return said, fault{NotFound, "the API is described at " + base + "/openapi.json"}
	case !is:
		return notAllowed(methods(matching)), nil
	case chosen.role != "" && !c.token.Role.may(chosen.role):
		return said, fault{Forbidden, "this needs a token with the role " + string(chosen.role)}
	}
	return chosen.do(c)
}

// authenticate finds the bearer's token (RFC 6750, section 2.1).
func (c *call) authenticate() (Token, error) {
	scheme, text, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(c.r.Header["Authorization"]) != 1 {
		return Token{}, fault{Unauthorized, "send a token as Authorization: Bearer TOKEN"}
	}
	t, err := c.Tokens.Find(strings.TrimSpace(text))
	if err == nil && t.Role == "" {
		err = fault{Unauthorized, "nobody has this token"}
	}
	return t, err
}

// log writes a line on the request. Every write that was tried with a token is in the audit log, at info:
// whose token it was, what it did and to what. A client without a token can repeat its requests, and so can
// any client while the store fails, so that those lines are bounded.
func (c *call) log(ctx context.Context, said answer, err error) {
	level := c.level(said)
	if c.Log == nil || !c.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request", c.id), slog.String("action", c.route.String()), slog.String("token", c.token.Name),
		slog.Int("code", said.status), slog.Duration("took", time.Since(c.start)), slog.String("client", c.r.RemoteAddr),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	attrs = append(attrs, c.about...)
	switch {
	case said.status == http.StatusUnauthorized:
		host, _, _ := net.SplitHostPort(c.r.RemoteAddr) // what is no address is one client
		c.unauthorized.Log(ctx, c.Log, loglimit.Event{Subject: host, Level: level, Message: "admin", Attrs: attrs})
	case level == slog.LevelError && (c.token.Role == "" || c.route.role != Write):
		c.failed.Log(ctx, c.Log, loglimit.Event{Subject: fmt.Sprint(err), Level: level, Message: "admin", Attrs: attrs})
	default:
		c.Log.LogAttrs(ctx, level, "admin", attrs...)
	}
}

func (c *call) level(said answer) slog.Level {
	switch {
	case said.status == http.StatusServiceUnavailable:
		return slog.LevelError
	case said.status == http.StatusUnauthorized:
		return slog.LevelWarn
	case c.route.role == Write:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}
