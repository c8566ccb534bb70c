package keys

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

// Transitions lists every transition, in the order above.
func Transitions() []Transition {
	return []Transition{Queue, Upgraded, NotUpgraded, Renewed, NotRenewed, Reset}
}

// use is the effect of a transition on Key.Used.
type use uint8

const (
	unchanged use = iota
	used
	unused
)

// A transitionRule describes the effect of one transition on a key.
type transitionRule struct {
	to            Status
	use           use
	clearsAccount bool // removes the account's username and address
}

var transitions = map[Transition]transitionRule{
	Queue:       {to: InQueue, use: unchanged},
	Upgraded:    {to: Success, use: used, clearsAccount: true}, // [Key.Upgrade] then sets the new ones
	NotUpgraded: {to: FailedUpgrade, use: unused},
	Renewed:     {to: SuccessRenew, use: unused, clearsAccount: true},
	NotRenewed:  {to: Failed, use: used},
	Reset:       {to: Active, use: unused, clearsAccount: true},
}
