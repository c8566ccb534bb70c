package holderpage

import (
	"net/http"
	"strconv"
	"strings"
	"time"
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
