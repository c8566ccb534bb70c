package holderpage

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/keyseat/keyseat/internal/httpclient"
)

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
