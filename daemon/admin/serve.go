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
	"time"

	"github.com/keyseat/keyseat/daemon/auditlog"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
)

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

// WithToken returns a context for a request inside this process. The API treats the request as one with the token t, and
// does not authenticate it. The caller must have authenticated the client, and decides the name and role of t.
func WithToken(ctx context.Context, t Token) context.Context {
	return context.WithValue(ctx, tokenKey{}, t)
}

// maxUnknownTokens is the number of unknown tokens that an address may send per minute. A known token is never counted or
// refused, so that a client cannot lock out another client with the same address. Tokens are too long to guess, so the
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

// client returns the address of the client. All clients whose address is invalid share one address.
func (c *call) client() netip.Addr { return ratelimit.ClientAddress(c.r, c.Proxies) }

// log writes a log line about the request. Two kinds of requests belong to the audit log: a write that a client with a
// token has tried, and a request whose response has whole codes. The line about such a request has the level info, or
// error if the store failed. The line contains the name of the token, the action, its target and the number of whole
// codes. [API].Activity stores an entry with the same content.
//
// The lines about other requests that were refused or failed are limited, because clients may repeat these requests without
// end: a client without a token at any time, and every client while the store fails.
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
