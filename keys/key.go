// Package keys defines prepaid keys and the transitions between their statuses.
//
// A [Key] pays for one slot in a family plan. The holder types its [Code]: [ParseTyped] reads a code, and
// [Issue] makes a key whose code cannot be guessed. The [Status] and the flag Used describe the state of
// the key. The [InfoShape] decides which fields the info response has. The package is pure: it has no
// clock and no storage, and its functions only compute values from values.
//
//	             upgrade accepted                 renew accepted
//	active ───────────┐                        ┌───────────── success
//	failed_upgrade ───┼────▶   in_queue   ◀────┼───────────── failed
//	success_renew ────┘            │           └───────────── active (imported as used)
//	                               │ the task ends
//	                               ▼
//	   unused: failed_upgrade, success_renew     used: success, failed
//
// Every arrow stands for one or more of the [Transitions]. The picture omits [Reset], which makes a key of any status
// active and unused. [Key.Apply] makes a transition.
package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// A Key is a prepaid code with its state. A Key is a value: its methods return changed copies.
// A zero time means that the time is not known.
type Key struct {
	Code    Code
	Version int64 // of the stored key: starts at 1, each write raises it; 0: the key does not exist
	Status  Status
	Used    bool
	Revoked bool   // withdrawn: for its holder the key does not exist
	Message string // the info response shows the message with the status

	Username      string // of the account in the plan, "" if the provider did not report it
	VerifyAddress string // of the plan that has the account

	Invite  string // the invite of a legacy key, which was last used with the system before keyseat; "" for all other keys
	Address string // the address of the plan that Invite is for

	OrderID      string // of the seller's order, "" if the order is not known
	PurchaseDate time.Time
	UsedDate     time.Time // of the last successful upgrade

	Task       string    // the id of the key's latest task, "" before the first task
	NextTaskAt time.Time // when the full allowance of tasks is available again (GCRA's theoretical arrival time)

	FailedLogins int // the number of tasks that ended because of a failed login, since the last success
}

// Issue returns a new key with a code made from the random bytes, see [Generate]. The purchase date is the given time,
// in UTC and truncated to the second.
func Issue(random [EntropyBytes]byte, orderID string, at time.Time) Key {
	return Key{
		Code: Generate(random), Status: Active,
		OrderID: orderID, PurchaseDate: at.UTC().Truncate(time.Second),
	}
}

// Exists reports whether the key is stored. A revoked key exists too.
func (k Key) Exists() bool { return k.Version > 0 }

// Legacy reports whether the key was last used with the system before keyseat. Its holder joins a plan manually, with
// the invite.
func (k Key) Legacy() bool { return k.Invite != "" }

// Apply returns the key after the transition m, with the given message. An unknown transition changes nothing.
func (k Key) Apply(m Transition, message string) Key {
	s, known := transitions[m]
	if !known {
		return k
	}
	k.Status, k.Message = s.to, message
	if s.used != nil {
		k.Used = *s.used
	}
	if s.clearsAccount {
		k.Username, k.VerifyAddress = "", ""
	}
	return k
}

// Enqueue returns the key after a task with the given id was accepted for it.
func (k Key) Enqueue(task string) Key {
	k = k.Apply(Queue, "")
	k.Task = task
	return k
}

// Upgrade returns the key after its account joined a plan at the given time. The username or the
// address is "" if the provider did not report it.
func (k Key) Upgrade(at time.Time, username, verifyAddress string) Key {
	k = k.Apply(Upgraded, "")
	k.UsedDate, k.Username, k.VerifyAddress = at, username, verifyAddress
	return k
}

// Reset returns the key after support made it usable again. The key is then not revoked and not a
// legacy key, has its full allowance of tasks, and no failed logins.
func (k Key) Reset() Key {
	k = k.Apply(Reset, "")
	k.Invite, k.Address, k.Revoked, k.NextTaskAt, k.FailedLogins = "", "", false, time.Time{}, 0
	return k
}

// Revoke returns the key after it was withdrawn. If the key has an open task, the task continues until it ends.
func (k Key) Revoke() Key {
	k.Revoked = true
	return k
}

// Restore returns the key as it was before it was revoked.
func (k Key) Restore() Key {
	k.Revoked = false
	return k
}

// An InfoShape is one of the five forms of the info response.
type InfoShape uint8

// The shapes, in the order in which [Key.InfoShape] checks for them. After its colon, the comment of each shape lists
// the fields of the response.
const (
	NotFound  InfoShape = iota // the key does not exist, or is revoked
	Reusable                   // an upgrade failed or a renew succeeded: status, message and dates
	ByInvite                   // a legacy key: invite and address
	ByMessage                  // the key has a message: status and message
	ByAccount                  // the key has no message: username and address of the account
)

// InfoShape returns the form of the info response for the key.
func (k Key) InfoShape() InfoShape {
	switch {
	case !k.Exists() || k.Revoked:
		return NotFound
	case k.Status == FailedUpgrade || k.Status == SuccessRenew:
		return Reusable
	case k.Status == Active && k.Legacy():
		return ByInvite
	case k.Message != "":
		return ByMessage
	}
	return ByAccount
}

// A FingerprintKey is a random secret that makes fingerprints of codes. All daemons of a database use the same one.
//
// Fingerprints need a secret because imported codes may be short. Without a secret, anybody who reads a log could hash
// all codes of eight digits within seconds, and so find the code of a fingerprint.
type FingerprintKey [32]byte

// Fingerprint returns a short keyed hash of the code for logs and messages: 16 hexadecimal digits, from 64 bits of
// HMAC-SHA-256. It identifies the key but does not reveal the code. The fingerprints of the zero FingerprintKey are "".
func (k FingerprintKey) Fingerprint(c Code) string {
	if k == (FingerprintKey{}) {
		return ""
	}
	hash := hmac.New(sha256.New, k[:])
	hash.Write([]byte(c)) // never fails
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// A Status is the state of a key, spelled as in the API.
type Status string

// The statuses. There is no status for a key that does not exist.
const (
	Active        Status = "active"         // issued, imported or reset; used only if it was imported as used
	InQueue       Status = "in_queue"       // an upgrade or renew is open; Used has the value from before the task
	Success       Status = "success"        // used: its account is in a plan
	FailedUpgrade Status = "failed_upgrade" // unused: the holder can try again
	SuccessRenew  Status = "success_renew"  // unused: renewed, ready for an upgrade
	Failed        Status = "failed"         // used: a renew failed and can be tried again
)

// Statuses lists every status, in the order of a key's life.
func Statuses() []Status {
	return []Status{Active, InQueue, Success, FailedUpgrade, SuccessRenew, Failed}
}

// AllowsUsed reports whether a key of this status may have the given value of Used.
// It returns false for an unknown status.
func (s Status) AllowsUsed(used bool) bool {
	switch s {
	case Active, InQueue:
		return true
	case Success, Failed:
		return used
	case FailedUpgrade, SuccessRenew:
		return !used
	}
	return false
}

// A Transition is a change of a key's status.
type Transition string

// The transitions.
const (
	Queue       Transition = "queue"        // an upgrade or renew was accepted
	Upgraded    Transition = "upgraded"     // the account is in a plan
	NotUpgraded Transition = "not_upgraded" // the upgrade failed; the key can be used again
	Renewed     Transition = "renewed"      // the key can be used again
	NotRenewed  Transition = "not_renewed"  // the renew failed; the holder can try again
	Reset       Transition = "reset"        // support made the key usable again, from any status
)

// Transitions lists every transition, in the order of the constants.
func Transitions() []Transition {
	return []Transition{Queue, Upgraded, NotUpgraded, Renewed, NotRenewed, Reset}
}

// A transitionRule describes the effect of one transition on a key.
type transitionRule struct {
	to            Status
	used          *bool // the new value of Key.Used; nil: unchanged
	clearsAccount bool  // removes the account's username and address
}

var transitions = map[Transition]transitionRule{
	Queue:       {to: InQueue},
	Upgraded:    {to: Success, used: new(true), clearsAccount: true}, // [Key.Upgrade] then sets the username and address of the new account
	NotUpgraded: {to: FailedUpgrade, used: new(false)},
	Renewed:     {to: SuccessRenew, used: new(false), clearsAccount: true},
	NotRenewed:  {to: Failed, used: new(true)},
	Reset:       {to: Active, used: new(false), clearsAccount: true},
}
