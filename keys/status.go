package keys

// A Status is where a key stands, as the API spells it.
type Status string

// The statuses. That a key does not exist is an answer, never a status.
const (
	Active        Status = "active"         // issued, imported or reset; used only if it was imported so
	InQueue       Status = "in_queue"       // an upgrade or renew is open; its use is as it was before
	Success       Status = "success"        // used: its account is in a plan
	FailedUpgrade Status = "failed_upgrade" // unused: it can be tried again
	SuccessRenew  Status = "success_renew"  // unused: renewed, ready for an upgrade
	Failed        Status = "failed"         // used: a renew failed and can be tried again
)

// Statuses lists every status, in the order of a key's life.
func Statuses() []Status {
	return []Status{Active, InQueue, Success, FailedUpgrade, SuccessRenew, Failed}
}

// AllowsUsed says whether a key of this status may be used (or unused).
// It is false for anything that is no status.
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

// A Transition is one step in the life of a key.
type Transition string

// The moves.
const (
	Queue       Transition = "queue"        // an upgrade or renew was accepted
	Upgraded    Transition = "upgraded"     // the account is in a plan
	NotUpgraded Transition = "not_upgraded" // the upgrade failed; the key can be used again
	Renewed     Transition = "renewed"      // the key can be used again
	NotRenewed  Transition = "not_renewed"  // the renew failed; it can be tried again
	Reset       Transition = "reset"        // support made the key usable again, whatever it was
)

// Transitions lists every move, in the order above.
func Transitions() []Transition {
	return []Transition{Queue, Upgraded, NotUpgraded, Renewed, NotRenewed, Reset}
}

// use is what a move does to a key's use.
type use uint8

const (
	unchanged use = iota
	used
	unused
)

// A transitionRule is what a move makes of a key: a row of the table of its life.
type transitionRule struct {
	to            Status
	use           use
	clearsAccount bool // the account's username and address
}

var transitions = map[Transition]transitionRule{
	Queue:       {to: InQueue, use: unchanged},
	Upgraded:    {to: Success, use: used, clearsAccount: true}, // the account's new ones follow
	NotUpgraded: {to: FailedUpgrade, use: unused},
	Renewed:     {to: SuccessRenew, use: unused, clearsAccount: true},
	NotRenewed:  {to: Failed, use: used},
	Reset:       {to: Active, use: unused, clearsAccount: true},
}
