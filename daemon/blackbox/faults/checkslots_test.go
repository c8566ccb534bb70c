package faults_test

import (
	"encoding/json"
	"strings"
	"time"
)

func (e *evidence) slotsAddUp(report violation) {
	for _, p := range e.plans {
		if free := p.size - p.held - p.spent - p.suspect; min(free, p.held, p.spent, p.suspect) < 0 {
			report("%d free of %+v", free, p)
		}
	}
}

// countersMatchHistory adds up the history. On the way, no counter may be negative and no plan oversold.
func (e *evidence) countersMatchHistory(report violation) {
	folded, size := map[string]map[string]int{}, map[string]int{}
	for _, p := range e.plans {
		folded[p.id], size[p.id] = map[string]int{}, p.size
	}
	for _, l := range e.events {
		count := folded[l.plan]
		if l.from == l.to {
			continue
		}
		if count == nil {
			report("a slot of %q has moved, which is no plan: %+v", l.plan, l)
			continue
		}
		count[l.from]--
		count[l.to]++
		if taken := count["held"] + count["spent"] + count["suspect"]; min(count["held"], count["spent"], count["suspect"]) < 0 || taken > size[l.plan] {
			report("after %+v: %v of %d", l, count, size[l.plan])
		}
	}
	for _, p := range e.plans {
		if count := folded[p.id]; count["held"] != p.held || count["spent"] != p.spent || count["suspect"] != p.suspect {
			report("%+v has moved to %v", p, count)
		}
	}
}

// holdsCloseOnce checks the slot of each task in each plan. The slot is held once, and then once becomes spent, free or
// suspect.
func (e *evidence) holdsCloseOnce(report violation) {
	type hold struct{ task, plan string }
	moves := map[hold][]string{}
	for _, l := range e.events {
		if l.from != l.to {
			moves[hold{l.task, l.plan}] = append(moves[hold{l.task, l.plan}], l.from+" "+l.to)
		}
	}
	for h, list := range moves {
		switch strings.Join(list, ", ") {
		case "free held", "free held, held spent", "free held, held free", "free held, held suspect":
		default:
			report("task %s and %s: %v", h.task, h.plan, list)
		}
	}
}

// effectsAreCounted compares the effects at the provider with the counters, for each plan and each task.
func (e *evidence) effectsAreCounted(report violation) {
	perPlan, perTask := map[string]int{}, map[string]int{}
	for _, lines := range e.effects {
		if d := lines[0].Effect; d.Kind == "upgrade" && d.Outcome == "success" {
			perPlan[d.Plan]++
			perTask[d.Task+" "+d.Plan]++
		}
	}
	for _, p := range e.plans {
		if n := perPlan[p.id]; n > p.size || n < p.spent || n > p.spent+p.suspect+p.held {
			report("the provider has filled %d slots of %+v", n, p)
		}
	}
	for _, t := range e.tasks {
		n := perTask[t.id+" "+t.plan]
		if t.slot == "spent" && n != 1 || n > 1 || n == 1 && (t.slot == "free" || t.slot == "") {
			report("the provider has done %d times %+v", n, t)
		}
	}
}

// stockWasAccurate checks that each number of stock was true at some time between a second before the call and its
// end. The history gives the order of the changes and the time of each decision. That clock may be ahead of the
// store's by the time that a lease took. A change is visible a moment after its decision.
func (e *evidence) stockWasAccurate(report violation) {
	levels := map[string][]level{}
	plans := map[string]*planRow{}
	for _, p := range e.plans {
		start := p
		start.held, start.spent, start.suspect, start.fault = 0, 0, 0, ""
		plans[p.id] = &start
		levels[p.country] = []level{{free: first(levels[p.country]) + p.size}}
	}
	for _, l := range e.events {
		p := plans[l.plan]
		if p == nil || l.from == l.to {
			continue
		}
		was := p.free()
		p.apply(l)
		all := levels[p.country]
		levels[p.country] = append(all, level{l.at, all[len(all)-1].free + p.free() - was})
	}
	for _, x := range e.stock {
		var shown []struct {
			Code  string `json:"country_code"`
			Slots int
		}
		if err := json.Unmarshal([]byte(x.body), &shown); err != nil {
			report("%s: %v", x.body, err)
			continue
		}
		slots := map[string]int{}
		for _, s := range shown {
			slots[s.Code] = s.Slots
		}
		for country, all := range levels {
			if off := offBy(all, x, slots[country]); off > e.maxLag {
				report("%d slots in %s were shown by call %d, %s too early or late", slots[country], country, x.N, off)
			}
		}
	}
}

// A level is the number of free slots from some time on.
type level struct {
	at   int64
	free int
}

func first(all []level) int {
	if len(all) == 0 {
		return 0
	}
	return all[0].free
}

// offBy returns the time between a call and the nearest time at which a number was true. A number may be up to a second
// old.
func offBy(all []level, x requestRecord, n int) time.Duration {
	const age = 1_000_000
	best := int64(never / 1000)
	for i, l := range all {
		until := int64(never)
		if i+1 < len(all) {
			until = all[i+1].at
		}
		if l.free == n {
			best = min(best, max(0, l.at-x.until, x.At-age-until))
		}
	}
	return micros(best)
}

// free returns the number of slots that can be claimed.
func (p planRow) free() int {
	if p.fault != "" {
		return 0
	}
	return p.size - p.held - p.spent - p.suspect
}

// apply moves a slot from one state to another. It takes a faulty plan out of stock.
func (p *planRow) apply(l eventRow) {
	for state, by := range map[string]int{l.from: -1, l.to: +1} {
		switch state {
		case "held":
			p.held += by
		case "spent":
			p.spent += by
		case "suspect":
			p.suspect += by
		}
	}
	if l.from == "held" && strings.HasPrefix(l.outcome, "plan_") {
		p.fault = l.outcome
	}
}
