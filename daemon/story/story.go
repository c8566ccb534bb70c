package story

import (
	"github.com/keyseat/keyseat/tasks"
)

// An Explanation describes the state of a key. Commands are complete, and between backquotes.
type Explanation struct {
	Now  string   `json:"now"`  // the state of the key
	Next []string `json:"next"` // the possible next steps
}

// Explain explains the state of a key from its latest task and its whole history, the oldest event
// first.
func Explain(v tasks.Snapshot, past []tasks.Event) Explanation {
	s := newScene(v, past)
	c := s.chapter()
	told := Explanation{Now: s.fill(c.now), Next: []string{}}
	for _, text := range append(c.next, s.left()...) {
		told.Next = append(told.Next, s.fill(text))
	}
	return told
}

// A chapter is a rule: its text explains a key if fits is true. [scene.fill] replaces the names in
// braces.
type chapter struct {
	fits func(scene) bool
	now  string
	next []string
}

// chapter returns the first chapter that fits. If the key's last task failed, it adds the next
// steps for that failure.
func (s scene) chapter() chapter {
	var found chapter
	for _, c := range chapters {
		if c.fits(s) {
			found = c
			break
		}
	}
	if e, failed := s.ending(); failed {
		found.next = append(e.next, found.next...)
	}
	return found
}

const (
	restore = "`keyseatd keys restore {key}` makes it what it was before."
	reset   = "`keyseatd keys reset {key}` makes it usable, whatever it is."
	served  = "See that a daemon is serving this database: nothing else carries tasks out."
)

var chapters = []chapter{
	{scene.missing, "There is no such key.", nil},
	{scene.revokedAtWork, "It is revoked: to its holder it does not exist. Its open {kind} runs to its end.", []string{restore}},
	{scene.revoked, "It is revoked: to its holder it does not exist.", []string{restore, reset}},

	{scene.orphaned, "The daemon that was asking about its {kind} is gone{doubt}. Another one takes the {kind} over.", []string{served}},
	{scene.atWork, "The provider is being asked about its {kind} right now.", []string{"Wait: every {kind} ends."}},
	{scene.overdue, "Its {kind} has been due since {due}, and nobody asks the provider about it{asked}{note}{doubt}.", []string{served}},
	{scene.asked, "The provider has been asked about its {kind}{asked}, and gave no final answer{note}{doubt}. It is asked again at {due}.", []string{"Wait: every {kind} ends.", "`keyseatd tasks retry {task}` asks at once."}},
	{scene.waiting, "Its {kind} was accepted at {created}, and is asked about next.", []string{"Wait: every {kind} ends."}},

	{scene.legacy, "It was last used with the old system: its holder joins a plan by hand, with the invite and the address. A renew is refused.", []string{"Where the invite does not work any more: `keyseatd keys reset {key}` makes it usable."}},
	{scene.cameUsed, "It came in as used, so an upgrade is refused until it is renewed.", []string{"The holder can renew it.", reset}},
	{scene.inUse, "It is in use{since}{as}{at}.", []string{"The holder can renew it once the account has lost its place."}},
	{scene.upgradeFailed, "Its upgrade failed: {why}. It can be used again.", nil},
	{scene.renewFailed, "Its renew failed: {why}. It still counts as used.", []string{reset}},
	{scene.renewed, "It was renewed, and can be upgraded.", []string{"The holder can upgrade it."}},
	{scene.wasReset, "It was made usable again at {reset}, and can be upgraded.", []string{"The holder can upgrade it."}},
	{func(scene) bool { return true }, "It has not been used, and can be upgraded.", []string{"The holder can upgrade it."}},
}

// The texts about leftover slots, and about keys with many recent tasks.
const (
	suspectSlot = "A slot of plan {plan} is suspect: find out at the provider whether the holder's account has joined it. " +
		"If it has, `keyseatd tasks resolve {task} --outcome success`; if not, `keyseatd tasks resolve {task} --outcome system_error`."
	spentSlot = "A slot of plan {plan} is still spent: once that member has left the plan, `keyseatd plans release {task}` gives it back."
	busyKey   = "It has had many tasks lately. If another is refused as too many, it can be tried by {limit}, or after a reset."
)
