package holderpage

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// An Answer is what the API has said to a form: what the template "answer" shows.
type Answer struct {
	Do      string `json:"-"` // what was asked for: info, upgrade or renew
	Key     string `json:"-"` // of whom, as it was typed
	Code    int    `json:"-"` // of HTTP
	Wait    string `json:"-"` // seconds until it is worth asking again, "" where that is not told
	Status  string // as the API documents it
	Message string // the documented sentence

	Invite        string // of a legacy key
	Address       string // that goes with Invite
	Username      string // of the account in the plan
	VerifyAddress string `json:"verify_address"` // of the plan

	Used         int        // 1: the key is in use
	PurchaseDate *time.Time `json:"purchase_date"` // nil: not known
	UsedDate     *time.Time `json:"used_date"`     // nil: never, or not known
}

// answer reads what the API has said. What is no JSON, of a handler before the API, has a status alone.
func (a reply) answer(q asked) Answer {
	var said Answer
	if json.Unmarshal(a.body.Bytes(), &said) != nil {
		said = Answer{Status: "error"}
	}
	said.Do, said.Key, said.Code, said.Wait = q.Do, q.Key, a.code, a.header.Get("Retry-After")
	return said
}

// The states of an [Answer] that are no key's status.
const (
	stateAccepted = "accepted" // an upgrade or renew was
	stateRefused  = "refused"  // an upgrade or renew was, for a documented reason
	stateLegacy   = "legacy"   // the key is joined with by hand
	stateUsed     = "used"     // the key is active, and counts as used
	stateLimited  = "limited"  // too many requests
	stateAway     = "away"     // the API cannot answer now
	stateWrong    = "wrong"    // the request was no call
)

// State is what the words and the look depend on: accepted, refused, legacy, used, limited, away, wrong,
// or the status that the API documents (active, in_queue, success, failed_upgrade, success_renew, failed,
// not_exist).
func (a Answer) State() string {
	switch {
	case a.Code == http.StatusTooManyRequests:
		return stateLimited
	case a.Code >= http.StatusInternalServerError:
		return stateAway
	case a.Code != http.StatusOK:
		return stateWrong
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

// Waiting says whether a task is open, so that it is worth asking again.
func (a Answer) Waiting() bool { return a.State() == stateAccepted || a.State() == "in_queue" }

// CSSClass is the colour of the answer: good, ready, busy, bad or plain.
func (a Answer) CSSClass() string {
	switch a.State() {
	case "success":
		return "good"
	case "active", "success_renew":
		return "ready"
	case stateAccepted, "in_queue":
		return "busy"
	case "failed_upgrade", "failed", stateRefused, "not_exist", stateWrong, stateAway, stateLimited:
		return "bad"
	}
	return "plain"
}

// Link says whether the invite is an address that a browser can open.
func (a Answer) Link() bool { return strings.HasPrefix(a.Invite, "https://") }
