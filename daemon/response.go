package daemon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/internal/jsoncodec"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

type response struct {
	code       int
	status     string        // status in the body, for metrics
	retryAfter time.Duration // of the header Retry-After; 0: no such header
	allow      string        // of the header Allow; "": no such header
	body       []byte        // one line of JSON; other responses may share these bytes, so they must not be changed
	err        error         // why this daemon could not carry out the call, for the log; nil: no such failure
	accepted   bool          // an upgrade or renew was accepted
	keyUnknown bool          // the request named a key that does not exist, or that is revoked
	key        keys.Code     // "" if the request named no key
}

// The values of the field status that do not come from a key. An info response has the status of its key instead.
const (
	statusNotExist = "not_exist"
	statusError    = "error"
	statusSuccess  = "success"
)

func message(code int, status, text string) response {
	return response{code: code, status: status, body: jsonObject{}.str("status", status).str("message", text).bytes()}
}

func errorResponse(code int, text string) response { return message(code, statusError, text) }

// notExist is the response for a key that does not exist or is revoked.
func notExist() response {
	resp := message(http.StatusOK, statusNotExist, tasks.UnknownKey.Error())
	resp.keyUnknown = true
	return resp
}

func rateLimited(retryAfter time.Duration) response {
	resp := errorResponse(http.StatusTooManyRequests, "Too many requests, try again later")
	resp.retryAfter = retryAfter
	return resp
}

func unavailable(err error) response {
	resp := errorResponse(http.StatusServiceUnavailable, tasks.SystemError.Message(tasks.Upgrade))
	resp.retryAfter, resp.err = 2*time.Second, err
	return resp
}

// taskResponse returns the response to an upgrade or renew. The error is the result of [tasks.Engine.Accept]: nil if
// the task was accepted.
func taskResponse(kind tasks.Kind, err error) response {
	var refusal tasks.Refusal
	var limited tasks.RateLimited
	switch {
	case err == nil:
		resp := message(http.StatusOK, statusSuccess, kind.Accepted())
		resp.accepted = true
		return resp
	case errors.Is(err, tasks.UnknownKey):
		return notExist()
	case errors.As(err, &refusal):
		resp := errorResponse(http.StatusOK, refusal.Error())
		resp.keyUnknown = refusal == tasks.KeyGone
		return resp
	case errors.As(err, &limited):
		return rateLimited(limited.RetryAfter)
	}
	return unavailable(err)
}

// infoResponse returns the response for a key: the fields of its [keys.InfoShape], in the documented order.
func infoResponse(k keys.Key) response {
	shape := k.InfoShape()
	if shape == keys.NotFound {
		return notExist()
	}
	o := jsonObject{}.str("status", string(k.Status)).str("message", k.Message)
	switch shape {
	case keys.ByInvite:
		o = o.str("invite", k.Invite).str("address", k.Address)
	case keys.ByAccount:
		o = o.str("username", k.Username).str("verify_address", k.VerifyAddress)
	case keys.NotFound, keys.Reusable, keys.ByMessage: // these shapes add no fields
	}
	used := 0
	if k.Used {
		used = 1
	}
	body := o.integer("used", used).time("purchase_date", k.PurchaseDate).time("used_date", k.UsedDate).bytes()
	return response{code: http.StatusOK, status: string(k.Status), body: body}
}

// The values of the headers that every response has. All responses share these slices. If a handler around the API
// appends to one of them, append makes a copy, because the length of each slice is equal to its capacity.
var (
	jsonText   = []string{"application/json; charset=utf-8"}
	noStore    = []string{"no-store"}
	noReferrer = []string{"no-referrer"}
	noSniff    = []string{"nosniff"}
)

func (resp response) write(w http.ResponseWriter, status int) {
	h := w.Header()
	h["Content-Type"] = jsonText
	h["Cache-Control"] = noStore
	h["Referrer-Policy"] = noReferrer
	h["X-Content-Type-Options"] = noSniff
	h["Content-Length"] = []string{strconv.Itoa(len(resp.body))}
	if resp.allow != "" {
		h.Set("Allow", resp.allow)
	}
	if resp.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(resp.retryAfter.Seconds()))))
	}
	w.WriteHeader(status)
	_, _ = w.Write(resp.body) // an error means that the client has disconnected
}

// An HTTPStatus says which HTTP statuses an [API] answers with.
type HTTPStatus string

const (
	// RealStatus gives every response its own HTTP status. It is the default.
	RealStatus HTTPStatus = "real"

	// DocumentedStatus gives every response at /API and below /API/ the HTTP status 200, because clients of the
	// documented API expect no other status. The body and the other headers stay the same.
	DocumentedStatus HTTPStatus = "documented"
)

type realStatusKey struct{}

// WithRealStatus returns a context for requests to an [API] in the same process. The API answers such a request with
// [RealStatus], whatever its field HTTPStatus says. It is for a handler that calls the API and reads the status.
func WithRealStatus(ctx context.Context) context.Context {
	return context.WithValue(ctx, realStatusKey{}, true)
}

// sent returns the HTTP status to send for a response with the given code.
func (s HTTPStatus) sent(r *http.Request, code int) int {
	if s != DocumentedStatus || r.URL.Path != "/API" && !strings.HasPrefix(r.URL.Path, "/API/") || r.Context().Value(realStatusKey{}) != nil {
		return code
	}
	return http.StatusOK
}

// A jsonObject is a JSON object that is being written. Its fields have the order in which the methods add them. The
// most frequent responses are written this way, because it takes half the time of encoding by reflection.
type jsonObject []byte

func (o jsonObject) key(name string) jsonObject {
	if len(o) == 0 {
		o = append(make(jsonObject, 0, 256), '{')
	} else {
		o = append(o, ',')
	}
	o = append(o, '"')
	o = append(o, name...)
	return append(o, '"', ':')
}

func (o jsonObject) str(name, value string) jsonObject {
	o = o.key(name)
	if !needsNoEscape(value) {
		return append(o, marshal(value)...)
	}
	o = append(o, '"')
	o = append(o, value...)
	return append(o, '"')
}

func (o jsonObject) integer(name string, value int) jsonObject {
	return strconv.AppendInt(o.key(name), int64(value), 10)
}

// time adds a time as RFC 3339 in UTC to the second, or null if the time is zero.
func (o jsonObject) time(name string, t time.Time) jsonObject {
	o = o.key(name)
	if t.IsZero() {
		return append(o, "null"...)
	}
	return append(t.UTC().AppendFormat(append(o, '"'), time.RFC3339), '"')
}

func (o jsonObject) bytes() []byte { return append(o, '}') }

func needsNoEscape(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' })
}

// marshal encodes a value as one line of JSON. The fields of a struct keep their order.
func marshal(value any) []byte {
	text, err := jsoncodec.Marshal(value)
	if err != nil {
		panic(err) // all values of this package can be encoded
	}
	return text
}

// An Observation describes one answered request, for metrics and traces. A request that was cancelled because
// its client disconnected is not observed.
type Observation struct {
	Call    string // info, renew, upgrade, stock or none
	Status  string // status in the body
	Code    int    // HTTP status of the response, before DocumentedStatus replaces it
	Took    time.Duration
	Context context.Context // of the request
}

// A panicError is the error of a panic. Its text contains only the type of the value.
type panicError struct{ value any }

func (p panicError) Error() string { return fmt.Sprintf("panic with a %T", p.value) }

// clientGone reports whether the request was cancelled because the client disconnected. That is not
// an error of this daemon.
func (resp response) clientGone(r *http.Request) bool {
	return errors.Is(resp.err, context.Canceled) && r.Context().Err() != nil
}
