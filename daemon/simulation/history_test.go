package simulation_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A history is the input of one run. It determines everything that happens, except for the order of events at the same
// instant.
type history struct {
	Noise   uint64 // the seed of small delays and of jitter
	Daemons int
	Grouped bool // the daemons batch calls of the store
	Lease   time.Duration
	Plans   []planSize
	Keys    int
	Steps   []step
	Faults  []fault
}

// A planSize is a plan that is imported at the beginning of a run.
type planSize struct {
	Country stock.Country
	Size    int
}

// A step is one action of a client, of an operator, or of the environment.
type step struct {
	After  time.Duration // the pause since the previous step
	Do     action
	Daemon int
	Key    int
	Plan   int
	For    time.Duration
	Script script
}

// An action is the kind of a step.
type action string

const (
	upgrade  action = "upgrade"
	renew    action = "renew"
	revoke   action = "revoke"
	restore  action = "restore"
	reset    action = "reset"
	retryNow action = "retry now"
	resolve  action = "resolve"
	release  action = "release"
	retire   action = "retire"
	relist   action = "relist" // put a plan back into stock, with one more slot
	kill     action = "kill"
	stop     action = "stop" // stop a daemon as a signal does
	freeze   action = "freeze"
	cut      action = "cut"     // make the store unreachable for a daemon: its calls fail immediately
	silence  action = "silence" // make the store unreachable for a daemon: its calls hang
	adjust   action = "adjust"  // adjust a daemon's wall clock
)

// actions has more upgrades than other steps, because most other steps need an upgrade to have an effect.
var actions = slices.Concat(slices.Repeat([]action{upgrade}, 9), slices.Repeat([]action{renew, retryNow}, 3), slices.Repeat([]action{kill, freeze}, 2), []action{
	revoke, restore, reset, resolve, release, retire, relist, stop, cut, silence, adjust,
})

// A script is the content of a request and the provider's reaction to it.
type script struct {
	Country    stock.Country
	Duplicates int             // the number of further identical requests at the same time
	Outcomes   []tasks.Outcome // the outcomes with the first plan, the second plan and so on, and then success
	Behaviours []behaviour     // the behaviours at the first attempt, the second attempt and so on, and then good
}

// A behaviour is the provider's reaction to one call.
type behaviour struct {
	Kind   behaviourKind
	Before time.Duration // the time from the call to the effect
	After  time.Duration // the time from the effect to the answer
}

// A behaviourKind is the kind of a behaviour.
type behaviourKind string

const (
	good      behaviourKind = "good"
	refused   behaviourKind = "refused"    // the connection fails
	rejected  behaviourKind = "rejected"   // a final rejection without an effect
	busy      behaviourKind = "busy"       // the provider is still working: the effect comes later
	cutBefore behaviourKind = "cut before" // the connection breaks, without an effect
	cutAfter  behaviourKind = "cut after"  // the connection breaks after the effect
)

// A fault affects one call of a daemon. Nth is the number of the call among the daemon's calls of this kind, beginning
// with 0.
type fault struct {
	Daemon int
	Call   call
	Nth    int
	Kind   faultKind
	For    time.Duration
}

// A call is a kind of call that a daemon makes.
type call string

const (
	view   call = "view"
	accept call = "accept"
	settle call = "settle"
	lease  call = "lease"
	extend call = "extend"
	send   call = "send"
)

// A faultKind is the kind of a fault.
type faultKind string

const (
	diesBefore faultKind = "dies before"
	diesAfter  faultKind = "dies after"
	lostBefore faultKind = "lost before" // the call is lost
	lostAfter  faultKind = "lost after"  // the answer is lost
	orphaned   faultKind = "orphaned"    // the daemon dies while the call is on its way, and the call arrives late
	slowBefore faultKind = "slow before" // the call arrives late, even if its caller no longer waits
	slowAfter  faultKind = "slow after"  // the answer arrives late
	freezes    faultKind = "freezes"     // the daemon freezes before the call
)

// countries are the countries of the plans. US has several plans, so that a task with a faulty plan can try another
// one.
var countries = []stock.Country{"US", "US", "US", "DE"}

// times generates durations, from a very short one to one that is longer than every lease.
var times = rapid.SampledFrom([]time.Duration{
	0, 10 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second, 7 * time.Second,
	12 * time.Second, 20 * time.Second, 33 * time.Second, 45 * time.Second,
})

var histories = rapid.Custom(func(t *rapid.T) history {
	h := history{
		Noise:   rapid.Uint64().Draw(t, "noise"),
		Daemons: rapid.SampledFrom([]int{2, 3, 1}).Draw(t, "daemons"),
		Grouped: rapid.Bool().Draw(t, "grouped"),
		Lease:   time.Duration(rapid.SampledFrom([]int{10, 15}).Draw(t, "lease")) * time.Second,
		Keys:    rapid.SampledFrom([]int{6, 8, 3, 1}).Draw(t, "keys"),
	}
	h.Plans = rapid.SliceOfN(rapid.Custom(drawPlanSize), 1, 6).Draw(t, "plans")
	for range 8 { // random slices are short, so several of them are concatenated
		h.Steps = append(h.Steps, rapid.SliceOfN(rapid.Custom(drawStep), 1, 20).Draw(t, "steps")...)
		h.Faults = append(h.Faults, rapid.SliceOfN(rapid.Custom(drawFault), 0, 8).Draw(t, "faults")...)
	}
	return h
})

func drawPlanSize(t *rapid.T) planSize {
	return planSize{rapid.SampledFrom(countries).Draw(t, "country"), rapid.SampledFrom([]int{2, 1, 3, 5, 0}).Draw(t, "size")}
}

func drawStep(t *rapid.T) step {
	s := step{
		After:  min(times.Draw(t, "after"), 7*time.Second),
		Do:     rapid.SampledFrom(actions).Draw(t, "do"),
		Daemon: rapid.SampledFrom([]int{0, 1, 2}).Draw(t, "daemon"),
		Key:    rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(t, "key"),
		Plan:   rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(t, "plan"),
		For:    times.Draw(t, "for"),
	}
	if s.Do == upgrade || s.Do == renew {
		s.Script = drawScript(t, s.Do)
	}
	return s
}

func drawScript(t *rapid.T, do action) script {
	outcomes := append(slices.Repeat([]tasks.Outcome{tasks.Success, tasks.PlanFull}, 4), tasks.Outcomes(tasks.Kind(do))...)
	return script{
		Country:    rapid.SampledFrom(countries).Draw(t, "country"),
		Duplicates: rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(t, "again"),
		Outcomes:   rapid.SliceOfN(rapid.SampledFrom(outcomes), 0, 3).Draw(t, "outcomes"),
		Behaviours: rapid.SliceOfN(rapid.Custom(drawBehaviour), 0, 6).Draw(t, "behaviours"),
	}
}

func drawBehaviour(t *rapid.T) behaviour {
	return behaviour{
		Kind:   rapid.SampledFrom([]behaviourKind{good, good, refused, rejected, busy, cutBefore, cutAfter, cutAfter}).Draw(t, "way"),
		Before: times.Draw(t, "before"),
		After:  times.Draw(t, "after"),
	}
}

// faultNumbers lists the values of [fault.Nth].
var faultNumbers = []int{0, 1, 2, 3, 4, 5, 7, 10, 14}

func drawFault(t *rapid.T) fault {
	f := fault{
		Daemon: rapid.SampledFrom([]int{0, 1, 2}).Draw(t, "daemon"),
		Call:   rapid.SampledFrom([]call{view, accept, accept, settle, settle, settle, lease, extend, extend, send, send}).Draw(t, "call"),
		Nth:    rapid.SampledFrom(faultNumbers).Draw(t, "nth"),
		Kind: rapid.SampledFrom([]faultKind{
			diesBefore, diesAfter, lostBefore, lostAfter, orphaned, orphaned, slowBefore, slowAfter, freezes,
		}).Draw(t, "kind"),
		For: times.Draw(t, "for"),
	}
	return f
}
