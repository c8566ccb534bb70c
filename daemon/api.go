package daemon

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An API answers the calls of the documented API, at the paths /API and /API/. Use [API.Register] to mount
// it. Only Engine must be set: every other field has a default, and the limits are on unless a field switches
// them off. Set the fields before the first use; then any number of goroutines may use the API.
type API struct {
	Engine            tasks.Engine
	UnknownKeyLimiter *ratelimit.Limiter // limits calls with unknown keys; nil: DefaultUnknownKeys; NoUnknownKeyLimit: no limit
	Proxies           []netip.Prefix     // trusted proxies, whose X-Forwarded-For is used; if empty, all clients of a proxy count as one
	PostOnly          bool               // upgrade and renew only by POST, with the secrets in the body
	HTTPStatus        HTTPStatus         // HTTP statuses of the answers; "": RealStatus
	Timeout           time.Duration      // for one request; 0: 4s
	MaxInFlight       int                // requests carried out simultaneously; further ones get a 503; 0: DefaultCalls; NoLimit: no limit
	Log               *slog.Logger       // nil: no log
	Observe           func(Observation)  // is called after each answered request; nil: not called
	Wake              func()             // is called after each accepted task; nil: not called

	stopping atomic.Bool
	calls    atomic.Int64 // requests that are being carried out now
	standard struct {     // the limiter if Strangers is nil
		sync.Once
		*ratelimit.Limiter
	}
	shelf   shelf
	refused loglimit.Limiter // limits log lines about clients over a limit
	failed  loglimit.Limiter // limits log lines about requests that failed
}

// An Observation describes one answered request, for metrics. A request that was cancelled because
// its client disconnected is not observed.
type Observation struct {
	Call   string // info, renew, upgrade, stock or none
	Status string // status in the body
	Code   int    // HTTP status, as with RealStatus
	Took   time.Duration
}

// Stop makes the API answer further requests with a 503, because the daemon is stopping. Requests
// with an invalid path, method or size still get their own error.
func (a *API) Stop() { a.stopping.Store(true) }

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start, id := time.Now(), requestID()
	w.Header()["X-Request-Id"] = []string{id}
	call, said := a.answer(r)
	said.write(w, a.HTTPStatus.sent(r, said.code))
	o := Observation{call, said.status, said.code, time.Since(start)}
	if a.Observe != nil && !said.unheard(r) {
		a.Observe(o)
	}
	a.log(r, id, o, said)
}

// answer returns the answer to a request, and the name of its call, or "none". A panic becomes a
// 503. The value of the panic is not logged, because it could contain submitted data.
func (a *API) answer(r *http.Request) (call string, said answer) {
	defer func() {
		if p := recover(); p != nil {
			said = unavailable(panicked{p})
		}
	}()
	call = "none"
	if said, refused := a.refuse(r); refused {
		return call, said
	}
	q, malformed := parse(r)
	if malformed != nil {
		return call, *malformed
	}
	if now := a.calls.Add(1); a.MaxInFlight >= 0 && now > int64(cmp.Or(a.MaxInFlight, DefaultCalls)) {
		a.calls.Add(-1)
		return q.Call, unavailable(nil)
	}
	defer a.calls.Add(-1)
	ctx := newDeadline(r.Context(), a.timeout())
	defer ctx.end()
	return q.Call, a.serve(ctx, r, q) //nolint:contextcheck // it is r's, but for the time
}

func (a *API) timeout() time.Duration {
	if a.Timeout > 0 {
		return a.Timeout
	}
	return 4 * time.Second
}

// refuse checks a request before it is parsed. If the request is invalid, it returns an answer and
// true.
func (a *API) refuse(r *http.Request) (said answer, refused bool) {
	switch {
	case r.URL.Path != "/API/" && r.URL.Path != "/API":
		said = wrong(http.StatusNotFound, "There is nothing here, the API is at /API/")
	case a.allowed(r) != "":
		said = notAllowed(a.allowed(r))
	case len(r.RequestURI) > maxSize:
		said = wrong(http.StatusRequestURITooLong, "The URL is too long")
	case headerSize(r.Header) > maxSize:
		said = wrong(http.StatusRequestHeaderFieldsTooLarge, "The headers are too large")
	case a.stopping.Load():
		said = unavailable(nil)
	default:
		return answer{}, false
	}
	return said, true
}

// allowed returns the methods that the call allows, or "" if the request's method is among them.
func (a *API) allowed(r *http.Request) string {
	changes := names(r, callUpgrade, callRenew)
	switch {
	case a.PostOnly && changes:
		return among(r.Method, "POST")
	case changes:
		return among(r.Method, "GET, POST")
	}
	return among(r.Method, "GET, HEAD, POST")
}

// among returns "" if the list contains the method, and otherwise the list.
func among(method, list string) string {
	for one := range strings.SplitSeq(list, ", ") {
		if one == method {
			return ""
		}
	}
	return list
}

func headerSize(h http.Header) int {
	size := 0
	for name, values := range h {
		for _, value := range values {
			size += len(name) + len(value) + len(": \r\n")
		}
	}
	return size
}

// serve carries out the call.
func (a *API) serve(ctx context.Context, r *http.Request, q request) answer {
	switch q.Call {
	case callStock:
		return a.stock(ctx)
	case callInfo:
		return a.named(ctx, r, q, func(code keys.Code) answer { return a.info(ctx, code) })
	}
	switch {
	case prefetched(r):
		return wrong(http.StatusBadRequest, "A prefetch changes nothing, repeat it as a request")
	case a.PostOnly && names(r, secret...):
		return wrong(http.StatusBadRequest, "login, pwd, newemail and newpwd must stand in the body")
	}
	return a.named(ctx, r, q, func(code keys.Code) answer { return a.accept(ctx, q, code) })
}

// named carries out a call that names a key, within the limit on unknown keys. A code of keyseat's
// own format is neither refused nor counted, because it cannot be guessed. An empty code is not
// counted either.
func (a *API) named(ctx context.Context, r *http.Request, q request, call func(keys.Code) answer) answer {
	typed := q.values.Get(q.Call)
	code, err := keys.ParseTyped(typed)
	if err != nil {
		call = func(keys.Code) answer { return notExist(false) }
	}
	var said answer
	if code.Generated() || keys.Trim(typed) == "" {
		said = call(code)
	} else {
		said = a.stranger(ctx, ratelimit.ClientAddress(r, a.Proxies), func() answer { return call(code) })
	}
	said.key = code
	return said
}

// stranger carries out a call and counts it if its key does not exist. The limit is checked before
// the call and, unless the call succeeds, again after it. The second check is needed because
// simultaneous guesses would all pass the first check.
func (a *API) stranger(ctx context.Context, client netip.Addr, call func() answer) answer {
	limiter := a.limiter()
	wait := limiter.Blocked(client)
	if wait > 0 {
		return tooMany(wait)
	}
	said := call()
	switch {
	case said.unknown:
		wait = limiter.Record(ctx, client)
	case said.status != statusSuccess:
		wait = limiter.Blocked(client)
	}
	if wait > 0 {
		return tooMany(wait)
	}
	return said
}

func (a *API) info(ctx context.Context, code keys.Code) answer {
	key, err := a.Engine.Info(ctx, code)
	if err != nil {
		return unavailable(err)
	}
	return info(key)
}

func (a *API) accept(ctx context.Context, q request, code keys.Code) answer {
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
	return accepted(kind, err)
}

func (a *API) stock(ctx context.Context) answer {
	line, err := a.shelf.line(func() ([]stock.Level, error) { return a.Engine.Stock(ctx) })
	if err != nil {
		return unavailable(err)
	}
	return answer{code: http.StatusOK, status: callStock, body: line}
}
