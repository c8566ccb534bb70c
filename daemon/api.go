package daemon

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An API answers the calls of the documented API, at the paths /API and /API/. Use [API.Register] to mount it. Only the
// field Engine must be set. Every other field has a default, and each limit is on unless its field switches it off. Set
// the fields before the first use. Then any number of goroutines may use the API.
type API struct {
	Engine            tasks.Engine
	UnknownKeyLimiter *ratelimit.Limiter // limits calls with unknown keys; nil: DefaultUnknownKeys; NoUnknownKeyLimit: no limit
	Proxies           []netip.Prefix     // proxies whose X-Forwarded-For is trusted; if empty, all clients behind one proxy share one limit
	PostOnly          bool               // accept upgrade and renew only as POST, with login, pwd, newemail and newpwd in the body
	HTTPStatus        HTTPStatus         // HTTP statuses of the responses; "": RealStatus
	Timeout           time.Duration      // for one request; 0: 4s
	MaxInFlight       int                // requests carried out simultaneously; further ones get a 503; 0: DefaultMaxInFlight; NoLimit: no limit
	Log               *slog.Logger       // nil: no log
	Observe           func(Observation)  // is called after each answered request; nil: not called
	Wake              func()             // is called after each accepted task; nil: not called

	stopping       atomic.Bool
	inFlight       atomic.Int64 // requests that are being carried out now
	initLimiter    sync.Once
	defaultLimiter *ratelimit.Limiter // if UnknownKeyLimiter is nil
	stockCache     stockCache
	refusedLog     loglimit.Limiter // limits the log lines about refused requests
	failedLog      loglimit.Limiter // limits the log lines about failed requests
}

// Register mounts the API in a mux at both its paths, /API and everything below /API/. With /API/ alone the mux would
// redirect a request for /API. The redirect would repeat the query in the header Location, with the password.
//
// In a router of another kind, mount both paths as well. Below a prefix use [http.StripPrefix]. An [http.ServeMux] also
// redirects a path such as //API/, and repeats the query. A [Server] avoids this redirect, because it calls the API
// without a mux.
func (a *API) Register(mux *http.ServeMux) {
	mux.Handle("/API", a)
	mux.Handle("/API/", a)
}

// Stop makes the API answer further requests with a 503, because the daemon is stopping. A request with an invalid
// path, method or size still gets the error for that, such as a 404.
func (a *API) Stop() { a.stopping.Store(true) }

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start, id := time.Now(), strconv.FormatUint(rand.Uint64(), 36) //nolint:gosec // the id is no secret
	w.Header()["X-Request-Id"] = []string{id}
	call, resp := a.respond(r)
	resp.write(w, a.HTTPStatus.sent(r, resp.code))
	o := Observation{call, resp.status, resp.code, time.Since(start), r.Context()}
	if a.Observe != nil && !resp.clientGone(r) {
		a.Observe(o)
	}
	a.logRequest(r, id, o, resp)
}

// respond returns the response to a request, and the name of its call. The name is "none" if no call was parsed, or
// after a panic. A panic becomes a 503. The value of the panic is not logged, because it could contain submitted data.
func (a *API) respond(r *http.Request) (call string, resp response) {
	defer func() {
		if p := recover(); p != nil {
			resp = unavailable(panicError{p})
		}
	}()
	call = "none"
	if rejected := precheck(r, a.PostOnly); rejected != nil {
		return call, *rejected
	}
	if a.stopping.Load() {
		return call, unavailable(nil)
	}
	q, rejected := parse(r)
	if rejected != nil {
		return call, *rejected
	}
	if now := a.inFlight.Add(1); a.MaxInFlight >= 0 && now > int64(cmp.Or(a.MaxInFlight, DefaultMaxInFlight)) {
		a.inFlight.Add(-1)
		return q.Call, unavailable(nil)
	}
	defer a.inFlight.Add(-1)
	ctx := newLazyDeadline(r.Context(), a.timeout())
	defer ctx.cancel()
	return q.Call, a.serve(ctx, r, q) //nolint:contextcheck // ctx is the request's context, with a deadline
}

func (a *API) timeout() time.Duration { return cmp.Or(max(a.Timeout, 0), 4*time.Second) }

func (a *API) serve(ctx context.Context, r *http.Request, q request) response {
	switch q.Call {
	case callStock:
		return a.stock(ctx)
	case callInfo:
		return a.withKey(ctx, r, q, func(code keys.Code) response {
			key, err := a.Engine.Info(ctx, code)
			if err != nil {
				return unavailable(err)
			}
			return infoResponse(key)
		})
	}
	switch {
	case isPrefetch(r):
		return errorResponse(http.StatusBadRequest, "A prefetch changes nothing, repeat it as a request")
	case a.PostOnly && queryNames(r, secretParams...):
		return errorResponse(http.StatusBadRequest, "login, pwd, newemail and newpwd must stand in the body")
	}
	return a.withKey(ctx, r, q, func(code keys.Code) response { return a.accept(ctx, q, code) })
}

// withKey carries out a call that names a key, within the limit on unknown keys. The limit does not apply to a code in
// the format that keyseat generates, because nobody can guess such a code. It does not apply to an empty code either.
func (a *API) withKey(ctx context.Context, r *http.Request, q request, call func(keys.Code) response) response {
	typed := q.values.Get(q.Call)
	code, err := keys.ParseTyped(typed)
	if err != nil {
		call = func(keys.Code) response { return notExist() }
	}
	var resp response
	if code.Generated() || keys.Trim(typed) == "" {
		resp = call(code)
	} else {
		resp = a.withUnknownKeyLimit(ctx, ratelimit.ClientAddress(r, a.Proxies), func() response { return call(code) })
	}
	resp.key = code
	return resp
}

// withUnknownKeyLimit carries out a call, and counts the call if its key does not exist. The limit is checked before
// the call and again after the call, because simultaneous guesses would all pass the first check. After an accepted
// upgrade or renew there is no second check, because the client must learn that its task exists.
func (a *API) withUnknownKeyLimit(ctx context.Context, client netip.Addr, call func() response) response {
	limiter := a.limiter()
	wait := limiter.Blocked(client)
	if wait > 0 {
		return rateLimited(wait)
	}
	resp := call()
	switch {
	case resp.keyUnknown:
		wait = limiter.Record(ctx, client)
	case !resp.accepted:
		wait = limiter.Blocked(client)
	}
	if wait > 0 {
		return rateLimited(wait)
	}
	return resp
}

// limiter returns UnknownKeyLimiter if it is set, and otherwise a limiter with the default limit.
func (a *API) limiter() *ratelimit.Limiter {
	if a.UnknownKeyLimiter != nil {
		return a.UnknownKeyLimiter
	}
	a.initLimiter.Do(func() {
		a.defaultLimiter, _ = ratelimit.New(DefaultUnknownKeys, nil, time.Now) // fails only for a limit below 1
	})
	return a.defaultLimiter
}

// TaskAge returns how long the open task of a key has waited, by the clock of the database. The page for holders shows
// this age. TaskAge does not limit how many unknown keys a client tries. Therefore call it only after an info response
// for the same key.
func (a *API) TaskAge(ctx context.Context, key string) (age time.Duration, open bool) {
	code, err := keys.ParseTyped(key)
	if err != nil {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout())
	defer cancel()
	v, err := a.Engine.Snapshot(ctx, code)
	if err != nil || v.Task == nil || !v.Task.Open() {
		return 0, false
	}
	return v.At.Sub(v.Task.CreatedAt), true
}

func (a *API) accept(ctx context.Context, q request, code keys.Code) response {
	kind := tasks.Kind(q.Call)
	err := a.Engine.Accept(ctx, tasks.Request{
		Kind: kind, Code: code, Country: q.values.Get("country"),
		Account: tasks.Account{
			Login:       tasks.NewSecret(q.values.Get("login")),
			Password:    tasks.NewSecret(q.values.Get("pwd")),
			NewEmail:    tasks.NewSecret(q.values.Get("newemail")),
			NewPassword: tasks.NewSecret(q.values.Get("newpwd")),
		},
	})
	if err == nil && a.Wake != nil {
		a.Wake()
	}
	return taskResponse(kind, err)
}

func (a *API) stock(ctx context.Context) response {
	body, err := a.stockCache.get(func() ([]stock.Level, error) { return a.Engine.Stock(ctx) })
	if err != nil {
		return unavailable(err)
	}
	return response{code: http.StatusOK, status: callStock, body: body}
}

// logRequest logs the call and the result of a request, never its parameters. Lines about refused and failed requests
// are limited, because a client can repeat such requests.
func (a *API) logRequest(r *http.Request, id string, o Observation, resp response) {
	level := resp.level(r, o)
	if a.Log == nil || !a.Log.Enabled(r.Context(), level) {
		return
	}
	client := ratelimit.ClientAddress(r, a.Proxies)
	attrs := []slog.Attr{
		slog.String("request", id), slog.String("method", r.Method), slog.String("call", o.Call),
		slog.Int("code", o.Code), slog.String("status", o.Status), slog.Duration("duration", o.Took),
		slog.String("client", client.String()),
	}
	if resp.key != "" {
		attrs = append(attrs, slog.String("key", a.Engine.Fingerprints.Fingerprint(resp.key)))
	}
	if resp.err != nil {
		attrs = append(attrs, slog.String("error", resp.err.Error()))
	}
	switch {
	case o.Code == http.StatusTooManyRequests:
		subject := ratelimit.AddressBlock(client).String()
		a.refusedLog.Log(r.Context(), a.Log, loglimit.Event{Subject: subject, Level: level, Message: "client refused", Attrs: attrs})
	case level == slog.LevelError:
		a.failedLog.Log(r.Context(), a.Log, loglimit.Event{Subject: resp.err.Error(), Level: level, Message: "answered", Attrs: attrs})
	default:
		a.Log.LogAttrs(r.Context(), level, "answered", attrs...)
	}
}

// level returns the log level of a response. It is error if this daemon failed, info for an accepted task or a client
// over its limit, and otherwise debug.
func (resp response) level(r *http.Request, o Observation) slog.Level {
	switch {
	case resp.clientGone(r):
		return slog.LevelDebug
	case resp.err != nil:
		return slog.LevelError
	case o.Status == statusSuccess && o.Call != callInfo, o.Code == http.StatusTooManyRequests:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}
