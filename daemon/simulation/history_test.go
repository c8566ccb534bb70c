package simulation_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A history is what happens in one run, but for the order of what happens at the same instant.
type history struct {
	Noise   uint64 // from which small delays and jitter come
	Daemons int
	Grouped bool // whether the daemons share calls of the store
	Lease   time.Duration
	Plans   []plot
	Keys    int
	Steps   []step
	Faults  []fault
}

// A plot is a plan as it is imported.
type plot struct {
	Country stock.Country
	Size    int
}

// A step is one thing that a client, an operator or fate does.
type step struct {
	After  time.Duration // since the step before
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
	relist  deed = "relist" // with one slot more
	kill    deed = "kill"
	stop    deed = "stop" // as a signal does
	freeze  deed = "freeze"
	cut     deed = "cut"    // a daemon's way to the store: its calls fail at once
	hush    deed = "hush"   // the same, but they hang
	adjust  deed = "adjust" // the wall clock
)

// Upgrades come more often than the rest: without them nothing happens.
var deeds = slices.Concat(slices.Repeat([]deed{upgrade}, 9), slices.Repeat([]deed{renew, hurry}, 3), slices.Repeat([]deed{kill, freeze}, 2), []deed{
	revoke, restore, reset, resolve, release, retire, relist, stop, cut, hush, adjust,
})

// An ask is a request and what the provider makes of it.
type ask struct {
	Country  stock.Country
	Again    int             // identical requests at the same time
	Outcomes []tasks.Outcome // by the plan's ordinal; past the end: success
	Manners  []manner        // by the asking; past the end: good ones
}

// A manner is how the provider takes one asking.
type manner struct {
	Kind   way
	Before time.Duration // until the effect
	After  time.Duration // from the effect to the answer
}

// A way is the kind of a manner.
type way string

const (
	good      way = "good"
	refused   way = "refused"    // no connection
	rejected  way = "rejected"   // for good, without an effect
	busy      way = "busy"       // still at work: the effect comes later
	cutBefore way = "cut before" // and there is no effect
	cutAfter  way = "cut after"  // the effect
)

// A fault befalls one call of a daemon, the nth of its kind since the run began.
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
	lostBefore mishap = "lost before" // the call
	lostAfter  mishap = "lost after"  // its answer
	orphaned   mishap = "orphaned"    // its sender dies while it is on its way, and it arrives late
	slowBefore mishap = "slow before" // it arrives late, whether its caller still waits or not
	slowAfter  mishap = "slow after"  // its answer comes late
	freezes    mishap = "freezes"     // before the call
)

// Most is in one country, so that it has plans to go on with.
var countries = []stock.Country{"US", "US", "US", "DE"}

// times are from what is hardly noticed to what outlasts every lease.
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
	for range 8 { // slices of random length are short: several make a longer one
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

// nths are the places of the calls that go wrong.
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
