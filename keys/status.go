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

// Agrees says whether a key of this status may be used (or unused).
// It is false for anything that is no status.
func (s Status) Agrees(used bool) bool {
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

// A Move is one step in the life of a key.
type Move string

// The moves.
const (
	Queue       Move = "queue"        // an upgrade or renew was accepted
	Upgraded    Move = "upgraded"     // the account is in a plan
	NotUpgraded Move = "not_upgraded" // the upgrade failed; the key can be used again
	Renewed     Move = "renewed"      // the key can be used again
	NotRenewed  Move = "not_renewed"  // the renew failed; it can be tried again
	Reset       Move = "reset"        // support made the key usable again, whatever it was
)

// Moves lists every move, in the order above.
func Moves() []Move {
	return []Move{Queue, Upgraded, NotUpgraded, Renewed, NotRenewed, Reset}
}

// use is what a move does to a key's use.
type use uint8

const (
	unchanged use = iota
	used
	unused
)

// A step is what a move makes of a key: a row of the table of its life.
type step struct {
	to      Status
	use     use
	forgets bool // the account's username and address
}

var life = map[Move]step{
	Queue:       {to: InQueue, use: unchanged},
	Upgraded:    {to: Success, use: used, forgets: true}, // the account's new ones follow
	NotUpgraded: {to: FailedUpgrade, use: unused},
	Renewed:     {to: SuccessRenew, use: unused, forgets: true},
	NotRenewed:  {to: Failed, use: used},
	Reset:       {to: Active, use: unused, forgets: true},
}
