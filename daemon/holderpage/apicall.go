package holderpage

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/internal/httpclient"
)

// The calls that a form can request. Each is the name of the API parameter that contains the key.
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
}

// maxFormSize is the maximum size of a form, in bytes. The API accepts less.
const maxFormSize = 64 << 10

// parseForm converts the request of a form into a call of the API. A form has one field for the action and
// one for the key; the API has one parameter for both. If parseForm cannot parse a form, it passes the form
// to the API unchanged, and the API returns the error.
func parseForm(r *http.Request) (form, *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxFormSize))
	values, malformed := url.ParseQuery(string(text))
	if err != nil || malformed != nil || len(text) == maxFormSize {
		return form{Do: doInfo}, apiRequest(r, http.MethodPost, "", io.MultiReader(bytes.NewReader(text), r.Body))
	}
	f := form{Do: doInfo, Key: values.Get("key"), Country: values.Get("country"), partial: values.Get("part") == "answer"}
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

// apiRequest returns a request to the API on behalf of the client that sent r. It uses nothing of the
// page's URL. The API answers it with the real HTTP status, because the page depends on the status.
func apiRequest(r *http.Request, method, query string, body io.Reader) *http.Request {
	call := r.Clone(daemon.WithRealStatus(r.Context()))
	call.Method, call.Body = method, io.NopCloser(body)
	call.URL = &url.URL{Path: "/API/", RawQuery: query}
	return call
}

// callAPI makes a call of the API and returns the response.
func (p *Page) callAPI(call *http.Request) *httpclient.Recorder {
	response := new(httpclient.Recorder)
	p.api.ServeHTTP(response, call)
	return response
}

// A Country is a possible country of an account.
type Country struct {
	Name  string `json:"country"`
	Code  string `json:"country_code"`
	Slots int    // the number of free slots
}

// A Stock lists all countries, sorted by name within each list.
type Stock struct {
	Known  bool      // false: the API did not return the stock, and Others lists every country
	Free   []Country // the countries with a free slot
	Others []Country // the countries without a free slot
}

// stock calls the API for the free slots.
func (p *Page) stock(r *http.Request) (Stock, *httpclient.Recorder) {
	response := p.callAPI(apiRequest(r, http.MethodGet, "stock", http.NoBody))
	var s Stock
	s.Known = response.Status() == http.StatusOK && json.Unmarshal(response.Body.Bytes(), &s.Free) == nil
	free := make(map[string]bool, len(s.Free))
	for _, c := range s.Free {
		free[c.Code] = true
	}
	for _, c := range daemon.Countries() {
		if !free[string(c)] {
			s.Others = append(s.Others, Country{Name: daemon.CountryName(c), Code: string(c)})
		}
	}
	return s, response
}

// An Answer is the API's answer to a form. It is the data of the template "answer".
type Answer struct {
	Do      string `json:"-"` // the call: info, upgrade or renew
	Key     string `json:"-"` // the key as the reader typed it
	Code    int    `json:"-"` // the HTTP status
	Wait    string `json:"-"` // seconds until the next call is useful, "" if the API does not say
	Status  string // the status as the API documents it
	Message string // the sentence as the API documents it

	Invite        string // of a legacy key
	Address       string // the address for the invite
	Username      string // of the account in the plan
	VerifyAddress string `json:"verify_address"` // the address of the plan

	Used         int        // 1: the key is in use
	PurchaseDate *time.Time `json:"purchase_date"` // nil: not known
	UsedDate     *time.Time `json:"used_date"`     // nil: never used, or not known
}

// newAnswer parses a response of the API. A body that is not JSON comes from a handler before the API; its
// Answer has the status "error" and no message.
func newAnswer(f form, response *httpclient.Recorder) Answer {
	var a Answer
	if json.Unmarshal(response.Body.Bytes(), &a) != nil {
		a = Answer{Status: "error"}
	}
	a.Do, a.Key, a.Code, a.Wait = f.Do, f.Key, response.Status(), response.Header().Get("Retry-After")
	return a
}

// The states of an [Answer] in addition to the statuses of a key.
const (
	stateAccepted    = "accepted" // the API accepted an upgrade or renew
	stateRefused     = "refused"  // the API refused the call, for a documented reason
	stateLegacy      = "legacy"   // the holder of the key joins the plan manually, with an invite
	stateUsed        = "used"     // the key is active, and counts as used
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
	case a.Do != doInfo && a.Status == "success":
		return stateAccepted
	case a.Status == "active" && a.Invite != "":
		return stateLegacy
	case a.Status == "active" && a.Used == 1:
		return stateUsed
	}
	return a.Status
}

// Waiting reports whether a task is open, so that a later call of info is useful.
func (a Answer) Waiting() bool { return a.State() == stateAccepted || a.State() == "in_queue" }

// CSSClass returns the style class of the answer: good, ready, busy, bad or plain.
func (a Answer) CSSClass() string {
	switch a.State() {
	case "success":
		return "good"
	case "active", "success_renew":
		return "ready"
	case stateAccepted, "in_queue":
		return "busy"
	case "failed_upgrade", "failed", stateRefused, "not_exist", stateInvalid, stateUnavailable, stateLimited:
		return "bad"
	}
	return "plain"
}

// Link reports whether the invite is a URL that a browser can open.
func (a Answer) Link() bool { return strings.HasPrefix(a.Invite, "https://") }
