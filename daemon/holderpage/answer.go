package holderpage

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon"
)

// An Answer is the API's answer to a form, and the data of the template "answer".
type Answer struct {
	Do      string `json:"-"` // the call: info, upgrade or renew
	Key     string `json:"-"` // the key as the reader typed it
	Code    int    `json:"-"` // the HTTP status
	Wait    string `json:"-"` // seconds until the reader should send the next call, "" if the API does not say
	Status  string // the status as the API documents it
	Message string // the sentence as the API documents it
	Text    string `json:"-"` // the sentence in the reader's language
	Field   string `json:"-"` // the name of the form's field that the sentence is about, "" if it is about none
	Task    string `json:"-"` // the kind of the open task: upgrade or renew, "" without one
	Waited  *Delay `json:"-"` // how long the open task has waited; nil: not known

	Invite        string // of a legacy key
	Address       string // the address for the invite
	Username      string // of the account in the plan
	VerifyAddress string `json:"verify_address"` // the address of the plan

	Used         int        // 1: the key is in use; 0: it is not in use
	PurchaseDate *time.Time `json:"purchase_date"` // nil: not known
	UsedDate     *time.Time `json:"used_date"`     // nil: never used, or not known
}

// The states of an [Answer]: the statuses of a key, and further states. A state has texts such as "headline-active".
const (
	stateActive        = "active"
	stateInQueue       = "in_queue"
	stateSuccess       = "success"
	stateFailedUpgrade = "failed_upgrade"
	stateSuccessRenew  = "success_renew"
	stateFailed        = "failed"
	stateNotExist      = "not_exist"

	stateAccepted    = "accepted" // the API accepted an upgrade or renew
	stateRefused     = "refused"  // the API refused the call, for a documented reason
	stateLegacy      = "legacy"   // the holder of the key joins the plan manually, with an invite
	stateUsed        = "used"     // the key is active, and Used is 1
	stateLimited     = "limited"  // the client has sent too many requests
	stateUnavailable = "away"     // the API cannot answer now
	stateInvalid     = "wrong"    // the request was not a valid call
)

// State returns the state that determines texts and style. It is one of:
//
//   - accepted, refused, legacy, used, limited, away, wrong
//   - a status that the API documents: active, in_queue, success, failed_upgrade, success_renew, failed,
//     not_exist
func (a Answer) State() string {
	switch {
	case a.Code == http.StatusTooManyRequests:
		return stateLimited
	case a.Code >= http.StatusInternalServerError:
		return stateUnavailable
	case a.Code != http.StatusOK:
		return stateInvalid
	case a.Status == "error":
		return stateRefused
	case a.Do != doInfo && a.Status == stateSuccess:
		return stateAccepted
	case a.Status == stateActive && a.Invite != "":
		return stateLegacy
	case a.Status == stateActive && a.Used == 1:
		return stateUsed
	}
	return a.Status
}

// Waiting reports whether a task is open, so that a later call of info is useful.
func (a Answer) Waiting() bool { return a.State() == stateAccepted || a.State() == stateInQueue }

// CSSClass returns the style class of the answer: good, ready, busy, bad or plain.
func (a Answer) CSSClass() string {
	switch a.State() {
	case stateSuccess:
		return "good"
	case stateActive, stateSuccessRenew:
		return "ready"
	case stateAccepted, stateInQueue:
		return "busy"
	case stateFailedUpgrade, stateFailed, stateRefused, stateNotExist, stateInvalid, stateUnavailable, stateLimited:
		return "bad"
	}
	return "plain"
}

// Next returns the call that is possible with the key now: upgrade, renew, or "" for no call.
func (a Answer) Next() string {
	switch a.State() {
	case stateActive, stateFailedUpgrade, stateSuccessRenew:
		return doUpgrade
	case stateSuccess, stateUsed, stateFailed:
		return doRenew
	}
	return ""
}

// A Delay is a duration in the unit that people use for it.
type Delay struct {
	Number int
	Unit   string // second, minute, hour or day
}

// newWaited returns the age of a task as a Delay, rounded down. An age below a minute is 0 minutes.
func newWaited(age time.Duration) *Delay {
	switch hours := int(age.Hours()); {
	case hours >= 24:
		return &Delay{hours / 24, "day"}
	case hours > 0:
		return &Delay{hours, "hour"}
	}
	return &Delay{max(0, int(age.Minutes())), "minute"}
}

// Delay returns how long the reader must wait before the next call is useful, rounded up; nil if that is not known.
func (a Answer) Delay() *Delay {
	seconds, err := strconv.Atoi(a.Wait)
	switch {
	case err != nil || seconds < 0:
		return nil
	case seconds > 90*60:
		return &Delay{(seconds + 3599) / 3600, "hour"}
	case seconds > 90:
		return &Delay{(seconds + 59) / 60, "minute"}
	}
	return &Delay{seconds, "second"}
}

// Link reports whether the invite is a URL that a browser can open.
func (a Answer) Link() bool { return strings.HasPrefix(a.Invite, "https://") }

// sampleAnswers returns an answer in each state, for [Page.selfTest].
func sampleAnswers() []Answer {
	var all []Answer
	for _, status := range []string{stateActive, stateInQueue, stateSuccess, stateFailedUpgrade, stateSuccessRenew, stateFailed, stateNotExist, "error"} {
		all = append(all, Answer{
			Do: doInfo, Code: http.StatusOK, Status: status, Message: "m", Text: "t", Field: "key", Task: doRenew, Waited: newWaited(2 * time.Hour),
			Used: 1, Username: "u", UsedDate: &time.Time{},
		})
	}
	all = append(all,
		Answer{Do: doInfo, Code: http.StatusOK, Status: stateActive},
		Answer{Do: doInfo, Code: http.StatusOK, Status: stateActive, Invite: "https://h", Address: "a"},
		Answer{Do: doUpgrade, Code: http.StatusOK, Status: stateSuccess, Task: doUpgrade})
	for _, code := range []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		all = append(all, Answer{Do: doRenew, Code: code, Status: "error", Wait: "1"})
	}
	return all
}

// The calls that a form can request. The name of a call is also the name of the API parameter that contains the key.
const (
	doInfo    = "info"
	doUpgrade = "upgrade"
	doRenew   = "renew"
)

// A form has the fields that the page returns with the answer, so that the reader need not type them again.
// It has no field for a login, a password or a new email.
type form struct {
	Do      string // info, upgrade or renew
	Key     string // as the reader typed it
	Country string // the country code

	partial bool // the client wants only the answer, not the whole page
	open    bool // the client wants the form of the call Do, with this key in it; the API is not called
}

// maxFormSize is the maximum size of a form, in bytes. The API has a smaller limit, so a longer form gets the error of
// the API.
const maxFormSize = 64 << 10

// parseForm converts the request of a form into a call of the API. A form has one field for the call and one field for
// the key, but the API has one parameter for both. If parseForm cannot parse a form, it passes the form to the API
// unchanged, and the API returns the error. If a form only requests another form for the same key, parseForm returns no
// request.
func parseForm(r *http.Request) (form, *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxFormSize))
	values, malformed := url.ParseQuery(string(text))
	if err != nil || malformed != nil || len(text) == maxFormSize {
		return form{Do: doInfo}, apiRequest(r, http.MethodPost, "", io.MultiReader(bytes.NewReader(text), r.Body))
	}
	f := form{Do: doInfo, Key: values.Get("key"), Country: values.Get("country"), partial: values.Get("part") == "answer"}
	if do := values.Get("open"); do == doUpgrade || do == doRenew {
		return form{Do: do, Key: f.Key, open: true}, nil
	}
	for _, do := range values["do"] {
		if do == doInfo || do == doUpgrade || do == doRenew {
			f.Do = do
			values[do] = values["key"]
		}
	}
	call := apiRequest(r, http.MethodPost, "", strings.NewReader(values.Encode()))
	call.ContentLength = int64(len(values.Encode()))
	return f, call
}

// apiRequest returns a request to the API on behalf of the client that sent r. It keeps the headers and the address of
// r, but not its URL. The API answers such a request with the real HTTP status, on which the page depends.
func apiRequest(r *http.Request, method, query string, body io.Reader) *http.Request {
	call := r.Clone(daemon.WithRealStatus(r.Context()))
	call.Method, call.Body = method, io.NopCloser(body)
	call.URL = &url.URL{Path: "/API/", RawQuery: query}
	return call
}

// A Country is a possible country of an account.
type Country struct {
	Name  string `json:"country"`
	Code  string `json:"country_code"`
	Slots int    // the number of free slots
}

// A Stock lists all countries, with their names in the reader's language. Each list is sorted by name.
type Stock struct {
	Known  bool      // false: the API did not return the stock, and Others lists every country
	Free   []Country // the countries with a free slot
	Others []Country // the countries without a free slot
}
