package simulation_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A history is the input of one run. It determines all that happens, except the order of events at the same
// instant.
type history struct {
	Noise   uint64 // the seed of small delays and of jitter
	Daemons int
	Grouped bool // the daemons batch calls of the store
	Lease   time.Duration
	Plans   []plot
	Keys    int
	Steps   []step
	Faults  []fault
}

// A plot is a plan to import.
type plot struct {
	Country stock.Country
	Size    int
}

// A step is one action of a client, of an operator, or of the environment.
type step struct {
	After  time.Duration // the pause since the step before
	Do     deed
	Daemon int
	Key    int
	Plan   int
	For    time.Duration
	Ask    ask
}

// A deed is the kind of a step.
type deed string

const (
	upgrade deed = "upgrade"
	renew   deed = "renew"
	revoke  deed = "revoke"
	restore deed = "restore"
	reset   deed = "reset"
	hurry   deed = "hurry"
	resolve deed = "resolve"
	release deed = "release"
	retire  deed = "retire"
	relist  deed = "relist" // put a plan back into stock, with one more slot
	kill    deed = "kill"
	stop    deed = "stop" // stop a daemon as a signal does
	freeze  deed = "freeze"
	cut     deed = "cut"    // make the store unreachable for a daemon: its calls fail immediately
	hush    deed = "hush"   // make the store unreachable for a daemon: its calls hang
	adjust  deed = "adjust" // adjust a daemon's wall clock
)

// deeds has more upgrades than other steps, because most other steps need an upgrade to have an effect.
var deeds = slices.Concat(slices.Repeat([]deed{upgrade}, 9), slices.Repeat([]deed{renew, hurry}, 3), slices.Repeat([]deed{kill, freeze}, 2), []deed{
	revoke, restore, reset, resolve, release, retire, relist, stop, cut, hush, adjust,
})

// An ask is the content of a request and the provider's reaction to it.
type ask struct {
	Country  stock.Country
	Again    int             // the number of identical simultaneous requests in addition
	Outcomes []tasks.Outcome // indexed by the plan's ordinal; after the last one: success
	Manners  []manner        // indexed by the attempt; after the last one: good
}

// A manner is the provider's reaction to one call.
type manner struct {
	Kind   way
	Before time.Duration // until the effect
	After  time.Duration // from the effect to the answer
}

// A way is the kind of a manner.
type way string

const (
	good      way = "good"
	refused   way = "refused"    // the connection fails
	rejected  way = "rejected"   // a final rejection without an effect
	busy      way = "busy"       // the provider is still working: the effect comes later
	cutBefore way = "cut before" // the connection breaks, without an effect
	cutAfter  way = "cut after"  // the connection breaks after the effect
)

// A fault affects one call of a daemon: the call number Nth of its kind since the run began, counted from
// 0.
type fault struct {
	Daemon int
	Call   call
	Nth    int
	Kind   mishap
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

// A mishap is the kind of a fault.
type mishap string

const (
	diesBefore mishap = "dies before"
	diesAfter  mishap = "dies after"
	lostBefore mishap = "lost before" // the call is lost
	lostAfter  mishap = "lost after"  // the answer is lost
	orphaned   mishap = "orphaned"    // the daemon dies while the call is on its way, and the call arrives late
	slowBefore mishap = "slow before" // the call arrives late, even if its caller no longer waits
	slowAfter  mishap = "slow after"  // the answer arrives late
	freezes    mishap = "freezes"     // the daemon freezes before the call
)

// countries has one country several times, so that this country has further plans if a plan fails.
var countries = []stock.Country{"US", "US", "US", "DE"}

// times has durations from hardly noticeable to longer than every lease.
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
	h.Plans = rapid.SliceOfN(rapid.Custom(drawPlot), 1, 6).Draw(t, "plans")
	for range 8 { // random slices are short, so several of them are concatenated
		h.Steps = append(h.Steps, rapid.SliceOfN(rapid.Custom(drawStep), 1, 20).Draw(t, "steps")...)
		h.Faults = append(h.Faults, rapid.SliceOfN(rapid.Custom(drawFault), 0, 8).Draw(t, "faults")...)
	}
	return h
})

func drawPlot(t *rapid.T) plot {
	return plot{rapid.SampledFrom(countries).Draw(t, "country"), rapid.SampledFrom([]int{2, 1, 3, 5, 0}).Draw(t, "size")}
}

func drawStep(t *rapid.T) step {
	s := step{
		After:  min(times.Draw(t, "after"), 7*time.Second),
		Do:     rapid.SampledFrom(deeds).Draw(t, "do"),
		Daemon: rapid.SampledFrom([]int{0, 1, 2}).Draw(t, "daemon"),
		Key:    rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(t, "key"),
		Plan:   rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(t, "plan"),
		For:    times.Draw(t, "for"),
	}
	if s.Do == upgrade || s.Do == renew {
		s.Ask = drawAsk(t, s.Do)
	}
	return s
}

func drawAsk(t *rapid.T, do deed) ask {
	outcomes := append(slices.Repeat([]tasks.Outcome{tasks.Success, tasks.PlanFull}, 4), tasks.Outcomes(tasks.Kind(do))...)
	return ask{
		Country:  rapid.SampledFrom(countries).Draw(t, "country"),
		Again:    rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(t, "again"),
		Outcomes: rapid.SliceOfN(rapid.SampledFrom(outcomes), 0, 3).Draw(t, "outcomes"),
		Manners:  rapid.SliceOfN(rapid.Custom(drawManner), 0, 6).Draw(t, "manners"),
	}
}

func drawManner(t *rapid.T) manner {
	return manner{
		Kind:   rapid.SampledFrom([]way{good, good, refused, rejected, busy, cutBefore, cutAfter, cutAfter}).Draw(t, "way"),
		Before: times.Draw(t, "before"),
		After:  times.Draw(t, "after"),
	}
}

// nths lists the numbers of the calls that can have a fault.
var nths = []int{0, 1, 2, 3, 4, 5, 7, 10, 14}

func drawFault(t *rapid.T) fault {
	f := fault{
		Daemon: rapid.SampledFrom([]int{0, 1, 2}).Draw(t, "daemon"),
		Call:   rapid.SampledFrom([]call{view, accept, accept, settle, settle, settle, lease, extend, extend, send, send}).Draw(t, "call"),
		Nth:    rapid.SampledFrom(nths).Draw(t, "nth"),
		Kind: rapid.SampledFrom([]mishap{
			diesBefore, diesAfter, lostBefore, lostAfter, orphaned, orphaned, slowBefore, slowAfter, freezes,
		}).Draw(t, "kind"),
		For: times.Draw(t, "for"),
	}
	return f
}
