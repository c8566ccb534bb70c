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
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An API answers the calls of the documented API, at the paths /API and /API/. Use [API.Register] to mount
// it. Only Engine must be set: every other field has a default, and the limits are on unless a field switches
// them off. Set the fields before the first use; then any number of goroutines may use the API.
type API struct {
	Engine      tasks.Engine
	Strangers   *Strangers        // limits unknown keys; nil: DefaultUnknownKeys; NoUnknownKeyLimit: off
	Proxies     []netip.Prefix    // whose X-Forwarded-For is believed; without them all clients of a proxy are one
	PostOnly    bool              // upgrade and renew by POST only, their secrets in the body
	HTTPStatus  HTTPStatus        // which HTTP statuses the answers have; "": RealStatus
	Timeout     time.Duration     // of one request; 0: 4s
	MaxInFlight int               // carried out simultaneously, past which the answer is 503; 0: DefaultCalls; NoLimit: off
	Log         *slog.Logger      // nil: silence
	Observe     func(Observation) // nil: nobody looks
	Wake        func()            // is told of each accepted task; nil: nobody waits

	stopping atomic.Bool
	calls    atomic.Int64 // that are carried out now
	standard struct {     // the limiter of an API that is given none
		sync.Once
		*Strangers
	}
	shelf   shelf
	refused loglimit.Limiter // the lines on clients that have used up a limit
	failed  loglimit.Limiter // the lines on requests that could not be carried out
}

// An Observation is one answered request, for metrics. A client that has left before is not answered.
type Observation struct {
	Call   string // info, renew, upgrade, stock, or none
	Status string // of the body
	Code   int    // of HTTP, as with RealStatus
	Took   time.Duration
}

// Stop makes every further answer the one of a daemon that is stopping.
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

// answer finds the answer and the name of the call that it is to. A panic is one of ours: its value
// is not told, since it could hold what was submitted.
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

// refuse answers what is not even parsed.
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

// allowed lists the methods that the call can be made with, or "" if this is one.
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

// among is "" if the method is in the list, and the list if not.
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

// serve makes the call.
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

// named makes a call that names a key, within the limit on unknown ones. A code of our own format is
// beyond guessing, so it is neither refused nor counted.
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
		said = a.stranger(ctx, ClientAddress(r, a.Proxies), func() answer { return call(code) })
	}
	said.key = code
	return said
}

// stranger makes a call for one whose unknown keys are counted. What is not accepted is refused too if
// others of the address have used its limit up meanwhile, because guesses that are made at once would
// all pass the first look.
func (a *API) stranger(ctx context.Context, client netip.Addr, call func() answer) answer {
	limiter := a.limiter()
	wait := limiter.Refuse(client)
	if wait > 0 {
		return tooMany(wait)
	}
	said := call()
	switch {
	case said.unknown:
		wait = limiter.Count(ctx, client)
	case said.status != statusSuccess:
		wait = limiter.Refuse(client)
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
