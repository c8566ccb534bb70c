package daemon

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// An answer is the API's response: an HTTP status, headers if needed, and a body.
type answer struct {
	code    int
	status  string        // status in the body, for metrics
	after   time.Duration // Retry-After; 0: no such header
	allow   string        // Allow; "": no such header
	body    []byte        // one line of JSON; other answers share it, so it must not be changed
	problem error         // the error of this daemon, for the log
	unknown bool          // the request named a key that does not exist
	key     keys.Code     // "" if the request named no key
}

// The values of the field status that are not statuses of a key.
const (
	statusNotExist = "not_exist"
	statusError    = "error"
	statusSuccess  = "success"
)

func say(code int, status, message string) answer {
	return answer{code: code, status: status, body: object{}.text("status", status).text("message", message).end()}
}

func wrong(code int, message string) answer { return say(code, statusError, message) }

// notExist is the answer for a key that does not exist. known is true if the key exists but is
// revoked.
func notExist(known bool) answer {
	a := say(http.StatusOK, statusNotExist, tasks.UnknownKey.Error())
	a.unknown = !known
	return a
}

func notAllowed(allow string) answer {
	a := wrong(http.StatusMethodNotAllowed, "The method is not allowed, use "+allow)
	a.allow = allow
	return a
}

func tooMany(after time.Duration) answer {
	a := wrong(http.StatusTooManyRequests, "Too many requests, try again later")
	a.after = after
	return a
}

// pause is the Retry-After of an answer that says that the daemon cannot serve the request now.
const pause = 2 * time.Second

func unavailable(problem error) answer {
	a := wrong(http.StatusServiceUnavailable, tasks.SystemError.Message(tasks.Upgrade))
	a.after, a.problem = pause, problem
	return a
}

// accepted returns the answer for the result of an upgrade or renew. It is the only place where an
// error becomes an HTTP status.
func accepted(kind tasks.Kind, err error) answer {
	var refusal tasks.Refusal
	var limited tasks.RateLimited
	switch {
	case err == nil:
		return say(http.StatusOK, statusSuccess, kind.Accepted())
	case errors.Is(err, tasks.UnknownKey):
		return notExist(false)
	case errors.As(err, &refusal):
		return wrong(http.StatusOK, refusal.Error())
	case errors.As(err, &limited):
		return tooMany(limited.RetryAfter)
	}
	return unavailable(err)
}

// info returns the answer for a key: the fields of the key's shape ([keys.Key.InfoShape]), in the
// documented order.
func info(k keys.Key) answer {
	shape := k.InfoShape()
	if shape == keys.NotFound {
		return notExist(k.Exists())
	}
	o := object{}.text("status", string(k.Status)).text("message", k.Message)
	switch shape {
	case keys.ByInvite:
		o = o.text("invite", k.Invite).text("address", k.Address)
	case keys.ByAccount:
		o = o.text("username", k.Username).text("verify_address", k.VerifyAddress)
	case keys.NotFound, keys.Reusable, keys.ByMessage: // these shapes add no fields
	}
	used := 0
	if k.Used {
		used = 1
	}
	body := o.number("used", used).date("purchase_date", k.PurchaseDate).date("used_date", k.UsedDate).end()
	return answer{code: http.StatusOK, status: string(k.Status), body: body}
}

// The values of the headers that every answer has. All answers share these slices. Appending to a
// slice copies it, because its length is equal to its capacity.
var (
	jsonText   = []string{"application/json; charset=utf-8"}
	noStore    = []string{"no-store"}
	noReferrer = []string{"no-referrer"}
	noSniff    = []string{"nosniff"}
)

// write sends the answer with the given HTTP status.
func (a answer) write(w http.ResponseWriter, status int) {
	h := w.Header()
	h["Content-Type"] = jsonText
	h["Cache-Control"] = noStore
	h["Referrer-Policy"] = noReferrer
	h["X-Content-Type-Options"] = noSniff
	h["Content-Length"] = []string{strconv.Itoa(len(a.body))}
	if a.allow != "" {
		h.Set("Allow", a.allow)
	}
	if a.after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(a.after.Seconds()))))
	}
	w.WriteHeader(status)
	_, _ = w.Write(a.body) // an error means that the client has disconnected
}
