package tasks

import (
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// A Kind is the kind of a task.
type Kind string

// The kinds.
const (
	Upgrade Kind = "upgrade" // makes an account a member of a plan
	Renew   Kind = "renew"   // makes a key usable again whose account has lost its place in a plan
)

// Kinds lists all kinds.
func Kinds() []Kind { return []Kind{Upgrade, Renew} }

// An Outcome is the result of an ended task.
type Outcome string

// The outcomes. [Outcome.Message] returns the message of an outcome for the key's holder. [Outcome.Fits] reports
// whether a kind of task can have an outcome. After [Success] the slot of an upgrade is spent. After any other outcome
// the slot is free again, except that the slot may be suspect after [SystemError].
//
// PlanExpired, PlanFull and PlanInvalid take the plan out of stock. The task then continues with another plan if
// possible, see [Rules.Settle].
const (
	Success            Outcome = "success"             // an upgrade spends its slot
	SystemError        Outcome = "system_error"        // the call of the provider failed, or its response was not valid
	InvalidCredentials Outcome = "invalid_credentials" //nolint:gosec // the login or the password is wrong; this is no password
	AccountLocked      Outcome = "account_locked"      // the provider has locked the account for some hours
	OutOfStock         Outcome = "out_of_stock"        // the country has no free slot
	AlreadyPremium     Outcome = "already_premium"     // the account does not need an upgrade
	UpgradedRecently   Outcome = "upgraded_recently"   // the account was in another plan within a year
	PlanExpired        Outcome = "plan_expired"        // the plan has expired
	PlanFull           Outcome = "plan_full"           // the plan has no free place
	PlanInvalid        Outcome = "plan_invalid"        // the plan's invite or address does not work
	AlreadyMember      Outcome = "already_member"      // the account seems to be in the plan already
	WrongAddress       Outcome = "wrong_address"       // the provider did not accept the plan's address
	StillPremium       Outcome = "still_premium"       // for a renew: the account has not lost its place
)

// An outcomeRule is a row of the table of outcomes.
type outcomeRule struct {
	outcome Outcome
	message string
	fault   stock.Fault // the fault of the plan that the outcome reports; "": none
	kinds   []Kind
}

var (
	both       = Kinds()
	endUpgrade = []Kind{Upgrade}
	endRenew   = []Kind{Renew}
)

// The messages are exactly those of the API documentation.
var outcomeRules = []outcomeRule{
	{Success, "", "", both},
	{SystemError, "System error, try again and if the problem persists contact support", "", both},
	{InvalidCredentials, "Account details provided are invalid", "", both},
	{AccountLocked, "Account has been temporarily locked by Spotify, please try again in a few hours. If the issue persists, consider using a different account", "", both},
	{OutOfStock, "There are currently no more upgrades available in stock for the desired location, try a different country", "", endUpgrade},
	{AlreadyPremium, "The account provided is already premium", "", endUpgrade},
	{UpgradedRecently, "Your account was upgraded less than 12 months ago, you need to use another one", "", endUpgrade},
	{PlanExpired, "Family plan is expired", stock.Expired, endUpgrade},
	{PlanFull, "Family plan is full", stock.Full, endUpgrade},
	{PlanInvalid, "Family plan is invalid", stock.Invalid, endUpgrade},
	{AlreadyMember, "Error with family plan, likely already registered to it", "", endUpgrade},
	{WrongAddress, "Wrong address", "", endUpgrade},
	{StillPremium, "The account provided is still premium", "", endRenew},
}

const renewed = "Key Renewed"

// Outcomes lists the outcomes that a task of the given kind can have.
func Outcomes(k Kind) []Outcome {
	var all []Outcome
	for _, e := range outcomeRules {
		if slices.Contains(e.kinds, k) {
			all = append(all, e.outcome)
		}
	}
	return all
}

// AllOutcomes lists all outcomes.
func AllOutcomes() (all []Outcome) {
	for _, e := range outcomeRules {
		all = append(all, e.outcome)
	}
	return all
}

// Fits reports whether a task of the given kind can have this outcome. It returns false for an unknown outcome.
func (o Outcome) Fits(k Kind) bool { return slices.Contains(o.rule().kinds, k) }

// Message returns the message that the info response shows after a task of the given kind ended with this outcome.
func (o Outcome) Message(k Kind) string {
	if o == Success && k == Renew {
		return renewed
	}
	return o.rule().message
}

// loginFailed reports whether the provider refused the login. From such an outcome, a person without the account can
// learn something about its credentials.
func (o Outcome) loginFailed() bool { return o == InvalidCredentials || o == AccountLocked }

// Fault returns the fault of the plan that the outcome reports, or "" if it reports no fault.
func (o Outcome) Fault() stock.Fault { return o.rule().fault }

func (o Outcome) rule() outcomeRule {
	for _, e := range outcomeRules {
		if e.outcome == o {
			return e
		}
	}
	return outcomeRule{}
}

// A Task is one accepted upgrade or renew. A Task is a value: decisions return changed copies.
// A zero time means that the event has not happened.
type Task struct {
	ID      string
	Code    keys.Code // of the task's key
	Kind    Kind
	Country stock.Country // "" for a renew without a country

	Version int64 // of the stored task: starts at 1, each [Store.Apply] raises it; 0: not stored yet
	Fence   int64 // each [Store.Lease] raises it

	Plan    PlanSnapshot // the plan whose slot the task holds or last held
	Ordinal int          // the number of that plan among the plans of this task, from 1; always 1 for a renew
	Slot    stock.State  // the state of that slot; "" if the task never had a slot
	Faulty  []string     // ids of plans with a fault, excluded from the next claim

	Attempts        int       // the number of all attempts
	CountedAttempts int       // the number of attempts with this plan that count towards [Rules.Attempts]
	LostLeases      int       // the number of leases that expired and were not returned, since the last change
	InDoubt         bool      // an attempt with this plan may have had an effect, but its result is unknown
	FirstAttempt    time.Time // the time of the first attempt, or of the first failed decryption of the account

	CreatedAt   time.Time
	DueAt       time.Time // the time of the next attempt
	LeasedUntil time.Time // the end of the lease; zero: not leased
	EndedAt     time.Time

	Outcome Outcome // of an ended task, else ""
	Sealed  []byte  // the encrypted account, while the task is open
}

// A PlanSnapshot is the part of a plan that a task stores. Later edits of the plan do not change it.
type PlanSnapshot struct{ ID, Address, Invite string }

// Open reports whether the task has not ended.
func (t Task) Open() bool { return t.EndedAt.IsZero() }

// LeasableAt returns the time from which a worker can lease the open task. It is the end of the current
// lease, or DueAt if the task is not leased.
func (t Task) LeasableAt() time.Time {
	if t.LeasedUntil.IsZero() {
		return t.DueAt
	}
	return t.LeasedUntil
}

// Message returns the message that the info response shows after the task has ended.
func (t Task) Message() string { return t.Outcome.Message(t.Kind) }

// bound returns the bytes that the sealed account is bound to. Because of these bytes, a sealed account that was moved
// to another task cannot be decrypted.
func (t Task) bound() []byte {
	return []byte(t.ID + "\x00" + string(t.Kind) + "\x00" + string(t.Code))
}

// withLostLeases returns the task with its lost leases counted as attempts. Each lost lease may have had an
// attempt with an effect, so the task is then in doubt.
func (t Task) withLostLeases() Task {
	t.Attempts += t.LostLeases
	t.CountedAttempts += t.LostLeases
	t.InDoubt = t.InDoubt || t.LostLeases > 0
	t.LostLeases = 0
	return t
}

func (t Task) attempted(at time.Time) Task {
	t = t.unopened(at)
	t.Attempts++
	return t
}

// unopened returns the task after its account could not be decrypted at the given time. The failed decryption does not
// count as an attempt.
func (t Task) unopened(at time.Time) Task {
	t = t.withLostLeases()
	if t.FirstAttempt.IsZero() {
		t.FirstAttempt = at
	}
	return t
}

// A Snapshot contains everything that a decision on one key reads, as of one moment.
type Snapshot struct {
	At   time.Time // the store's clock
	Key  keys.Key
	Task *Task // the key's latest task, open or ended; nil before the first task
}

func (v Snapshot) openTask() *Task {
	if v.Task != nil && v.Task.Open() {
		return v.Task
	}
	return nil
}
