package faults_test

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// transitions maps what info shows, the status and the number of uses, to what it may show next. It is the table of
// the API documentation, without actions of an operator.
var transitions = map[string]struct {
	call string // the call that causes the transition; "": no call
	next []string
}{
	"active 0":         {"upgrade", []string{"in_queue 0", "failed_upgrade 0"}}, // the latter immediately, if nothing is in stock
	"failed_upgrade 0": {"upgrade", []string{"in_queue 0", "failed_upgrade 0"}},
	"success_renew 0":  {"upgrade", []string{"in_queue 0", "failed_upgrade 0"}},
	"active 1":         {"renew", []string{"in_queue 1"}},
	"success 1":        {"renew", []string{"in_queue 1"}},
	"failed 1":         {"renew", []string{"in_queue 1"}},
	"in_queue 0":       {"", []string{"success 1", "failed_upgrade 0"}},
	"in_queue 1":       {"", []string{"success_renew 0", "failed 1"}},
}

// reachable returns all that info may show later, given the calls that may have been accepted.
func reachable(shown string, calls map[string]bool) []string {
	reached := []string{shown}
	for i := 0; i < len(reached); i++ {
		if step := transitions[reached[i]]; step.call == "" || calls[step.call] {
			for _, next := range step.next {
				if !slices.Contains(reached, next) {
					reached = append(reached, next)
				}
			}
		}
	}
	return reached
}

// reachableAfter returns all that info may show after a call was accepted.
func reachableAfter(call string) []string {
	if call == "renew" {
		return reachable("in_queue 1", nil)
	}
	return reachable("in_queue 0", nil)
}

// parseInfo returns the status and the number of uses that info has shown, and whether the answer is valid.
func parseInfo(body string) (state string, fits bool) {
	var k harness.KeyInfo
	if json.Unmarshal([]byte(body), &k) != nil {
		return body, false
	}
	state = k.Status + " " + string(rune('0'+k.Used))
	switch _, known := transitions[state]; {
	case !known:
		return state, false
	case k.Status == "failed_upgrade" || k.Status == "failed":
		return state, slices.Contains(slices.Collect(maps.Values(harness.Messages)), k.Message)
	case k.Status == "success_renew":
		return state, k.Message == "Key Renewed"
	}
	return state, k.Message == ""
}

// lateAcceptance is how long after its end a call without an answer may still be accepted, because the database is
// slow. The unit is microseconds.
const lateAcceptance = 15_000_000

// infoFollowsTransitions checks what info has shown of each key, in order. Between two infos a request may have been
// accepted, unless it was refused. What a request without an answer has written may be lost again, if the primary may
// have died.
func (e *evidence) infoFollowsTransitions(report violation) {
	for code, calls := range e.calls {
		last, before, open := "", "", []requestRecord(nil)
		for _, x := range calls {
			if x.Call != "info" {
				open = append(open, x)
				continue
			}
			state, fits := parseInfo(x.body)
			calls := map[string]bool{}
			for _, o := range open {
				calls[o.Call] = calls[o.Call] || o.accepted() || o.unknown()
			}
			gone := e.lostWithPrimary && state == before && slices.ContainsFunc(open, requestRecord.unknown)
			if !fits || last != "" && !gone && !slices.Contains(reachable(last, calls), state) {
				report("%s, after %q and %v, has shown %s", code, last, calls, x.body)
			}
			last = state
			open = slices.DeleteFunc(open, func(o requestRecord) bool { return !o.unknown() || o.until != never && o.until+lateAcceptance < x.At })
			if len(open) == 0 {
				before = state
			}
		}
	}
}

// infoShowsAccepted checks that the first info after an accepted request shows its task, or the end of its task.
func (e *evidence) infoShowsAccepted(report violation) {
	for code, calls := range e.calls {
		for i, x := range calls {
			if !x.accepted() || i+1 == len(calls) || calls[i+1].Call != "info" {
				continue
			}
			if state, _ := parseInfo(calls[i+1].body); !slices.Contains(reachableAfter(x.Call), state) {
				report("%s, after an accepted %s, has shown %s", code, x.Call, calls[i+1].body)
			}
		}
	}
}
