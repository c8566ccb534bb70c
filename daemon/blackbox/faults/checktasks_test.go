package faults_test

import (
	"maps"
	"slices"
	"strings"
)

// oneTaskAtATime checks that each task of a key was accepted after the end of the previous task. It uses the order of
// the history, because two clocks may differ by the duration of a call that leases tasks.
func (e *evidence) oneTaskAtATime(report violation) {
	open := map[string]string{}
	for _, l := range e.events {
		switch {
		case l.cause == "accepted" && open[l.code] != "":
			report("%s has %s at the same time as %s", l.code, open[l.code], l.task)
		case l.cause == "accepted":
			open[l.code] = l.task
		case l.cause == "ended" && open[l.code] != l.task:
			report("%s, of %s, has ended while it was not open", l.task, l.code)
		case l.cause == "ended":
			delete(open, l.code)
		}
	}
	for _, t := range e.tasks {
		if t.ended == 0 && open[t.code] != t.id {
			report("%s, of %s, is open at the same time as %q", t.id, t.code, open[t.code])
		}
	}
}

// oneUpgradePerUse checks that a successful renew is between two successful upgrades of a key. Effects at the
// provider count as well, except those of a task whose slot is suspect.
func (e *evidence) oneUpgradePerUse(report violation) {
	done := map[string]bool{}
	for _, lines := range e.effects {
		if d := lines[0].Effect; d.Outcome == "success" {
			done[d.Task] = true
		}
	}
	for code, all := range e.byKey() {
		used := "" // the task that has used the key
		for _, t := range all {
			success := t.outcome == "success" || done[t.id] && t.slot != "suspect" && t.kind == "upgrade"
			switch {
			case t.kind == "upgrade" && success && used != "":
				report("%s was used by %s and by %s", code, used, t.id)
			case t.kind == "upgrade" && success:
				used = t.id
			case t.kind == "renew" && success:
				used = ""
			}
		}
	}
}

// outcomesAreAnswers compares the outcome of each task with the answers that the provider has recorded for it. A task
// without a success there has none. Two outcomes need no such answer: a task runs out of stock after a fault of its plan,
// and it ends as a system error if the answers do not arrive.
func (e *evidence) outcomesAreAnswers(report violation) {
	answers := map[string]map[string]bool{}
	for _, lines := range e.effects {
		d := lines[0].Effect
		if answers[d.Task] == nil {
			answers[d.Task] = map[string]bool{}
		}
		answers[d.Task][string(d.Kind)+" "+string(d.Outcome)] = true
	}
	for _, t := range e.tasks {
		all := answers[t.id]
		switch {
		case t.ended == 0 || t.outcome == "out_of_stock" || t.outcome == "system_error":
		case !all[t.kind+" "+t.outcome]:
			report("the provider answered %v: %+v", slices.Collect(maps.Keys(all)), t)
		}
	}
}

func (e *evidence) everyTaskEnds(report violation) {
	for _, t := range e.tasks {
		if t.ended == 0 {
			report("%+v is open", t)
		} else if took := micros(t.ended - t.created); took > e.maxTaskTime {
			report("%s took %s: %+v", t.id, took, t)
		}
	}
}

// writesHaveLeases checks that a task has at most as many writes as leases, that every write has a history entry,
// and that no write came after the end. The acceptance is the first write, and needs no lease. The history does not
// show the lease of a write. The simulation and the conformance suite check that.
func (e *evidence) writesHaveLeases(report violation) {
	writes, ends := e.writes(report)
	for _, t := range e.tasks {
		n := int64(len(writes[t.id]))
		if t.version != n {
			report("%d writes were recorded of %+v", n, t)
		}
		if n-1 > t.fence {
			report("%d leases were good for %d writes: %+v", t.fence, n-1, t)
		}
		if t.ended != 0 && ends[t.id] != 1 {
			report("%s has ended %d times", t.id, ends[t.id])
		}
	}
}

// writes returns the ids of the changes of each task, and how often the task has ended.
func (e *evidence) writes(report violation) (changes map[string]map[string]bool, ends map[string]int) {
	changes, ends = map[string]map[string]bool{}, map[string]int{}
	for _, l := range e.events {
		if l.task == "" {
			continue
		}
		if ends[l.task] > 0 {
			report("written after the end: %+v", l)
		}
		if changes[l.task] == nil {
			changes[l.task] = map[string]bool{}
		}
		changes[l.task][l.change] = true
		if l.cause == "ended" {
			ends[l.task]++
		}
	}
	return changes, ends
}

// lostLeases counts the leases that ended without a write, because the worker was dead, stopped or stopping.
func (e *evidence) lostLeases() (n int) {
	writes, _ := e.writes(func(string, ...any) {})
	for _, t := range e.tasks {
		n += max(0, int(t.fence)-max(0, len(writes[t.id])-1))
	}
	return n
}

func (e *evidence) oneEffectPerKey(report violation) {
	tasks := e.byID()
	for key, lines := range e.effects {
		if len(lines) != 1 {
			report("%s had %d effects", key, len(lines))
		}
		if len(e.requests[key]) == 0 || e.requests[key][0].Request.Body != lines[0].Effect.Body {
			report("%s had an effect without a request", key)
		}
	}
	for key, lines := range e.requests {
		for _, l := range lines {
			if l.Request.Body != lines[0].Request.Body {
				report("%s came with another body", key)
			}
		}
		if t := tasks[lines[0].Request.Task]; t.ended != 0 && lines[0].At.UnixMicro() > t.ended {
			report("%s was first sent after its task had ended", key)
		}
	}
}

// secretMarks are in every login and password of the clients.
var secretMarks = []string{loginMark, passwordMark}

func (e *evidence) endedKeepsNoSecret(report violation) {
	for _, t := range e.tasks {
		if t.ended != 0 && t.sealed {
			report("%+v", t)
		}
	}
	clean := func(whose string, texts ...string) {
		for _, mark := range secretMarks {
			if strings.Contains(strings.Join(texts, " "), mark) {
				report("%s has a login or a password", whose)
			}
		}
	}
	for _, k := range e.keys {
		clean("key "+k.code, k.message, k.username, k.address)
	}
	for _, l := range e.events {
		clean("the history of "+l.code, l.note, l.cause, l.outcome)
	}
}

func (e *evidence) noLeaseLeft(report violation) {
	for _, t := range e.tasks {
		if t.leased {
			report("%+v", t)
		}
	}
}
