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

// An answer is what the API says: an HTTP status, headers where it needs some, and a body.
type answer struct {
	code    int
	status  string        // the body's, for metrics
	after   time.Duration // Retry-After, 0 for none
	allow   string        // Allow, "" for none
	body    []byte        // one line of JSON, shared with others: it is for reading
	problem error         // what went wrong here, for the log
	unknown bool          // the key that was named does not exist
	key     keys.Code     // "" if none was named
}

// The statuses that are no key's.
const (
	statusNotExist = "not_exist"
	statusError    = "error"
	statusSuccess  = "success"
)

func say(code int, status, message string) answer {
	return answer{code: code, status: status, body: object{}.text("status", status).text("message", message).end()}
}

func wrong(code int, message string) answer { return say(code, statusError, message) }

// notExist answers for a key that is not there. known says that it is, but revoked.
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

// pause is how long a client is told to wait when the daemon cannot answer.
const pause = 2 * time.Second

func unavailable(problem error) answer {
	a := wrong(http.StatusServiceUnavailable, tasks.SystemError.Message(tasks.Upgrade))
	a.after, a.problem = pause, problem
	return a
}

// accepted maps what became of an upgrade or renew to its answer: the one place where an error
// becomes HTTP.
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

// info shows a key in its shape, with the fields in the documented order.
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
	case keys.NotFound, keys.Reusable, keys.ByMessage: // the message says it all
	}
	used := 0
	if k.Used {
		used = 1
	}
	body := o.number("used", used).date("purchase_date", k.PurchaseDate).date("used_date", k.UsedDate).end()
	return answer{code: http.StatusOK, status: string(k.Status), body: body}
}

// The values of headers that every answer has, made once: nobody appends to them in place, because
// they are full.
var (
	jsonText   = []string{"application/json; charset=utf-8"}
	noStore    = []string{"no-store"}
	noReferrer = []string{"no-referrer"}
	noSniff    = []string{"nosniff"}
)

// write sends the answer with that HTTP status.
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
	_, _ = w.Write(a.body) // a client that has left is no concern
}
