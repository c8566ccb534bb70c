package blackbox_test

import (
	"encoding/json"
	"maps"
	"slices"
)

// transitions is what info may show after what, once a request was accepted, with the number of used: the
// table of the contract, apart from what an operator does.
var transitions = map[string]struct {
	call string // that it takes; "": none
	next []string
}{
	"active 0":         {"upgrade", []string{"in_queue 0", "failed_upgrade 0"}}, // the latter at once where nothing is in stock
	"failed_upgrade 0": {"upgrade", []string{"in_queue 0", "failed_upgrade 0"}},
	"success_renew 0":  {"upgrade", []string{"in_queue 0", "failed_upgrade 0"}},
	"active 1":         {"renew", []string{"in_queue 1"}},
	"success 1":        {"renew", []string{"in_queue 1"}},
	"failed 1":         {"renew", []string{"in_queue 1"}},
	"in_queue 0":       {"", []string{"success 1", "failed_upgrade 0"}},
	"in_queue 1":       {"", []string{"success_renew 0", "failed 1"}},
}

// reachable is all that may be shown after that, given the calls that may have been accepted.
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

// reachableAfter is what may be shown once a request of that call was accepted.
func reachableAfter(call string) []string {
	if call == "renew" {
		return reachable("in_queue 1", nil)
	}
	return reachable("in_queue 0", nil)
}

// parseInfo reads what info has shown: the status with the number of used.
func parseInfo(body string) (state string, fits bool) {
	var k KeyInfo
	if json.Unmarshal([]byte(body), &k) != nil {
		return body, false
	}
	state = k.Status + " " + string(rune('0'+k.Used))
	switch _, known := transitions[state]; {
	case !known:
		return state, false
	case k.Status == "failed_upgrade" || k.Status == "failed":
		return state, slices.Contains(slices.Collect(maps.Values(Messages)), k.Message)
	case k.Status == "success_renew":
		return state, k.Message == "Key Renewed"
	}
	return state, k.Message == ""
}

// lateAcceptance is how long after a call without an answer it may still be accepted: the database may have
// been asked, and is slow.
const lateAcceptance = 15_000_000

// infoFollowsTransitions goes through what was shown of each key, in order. Between two looks a request may
// have been accepted, unless it was refused. Of one that has no answer it may be that what it wrote is gone
// again, if such a thing has happened at all.
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

// infoShowsAccepted holds that the first look after an accepted request shows its task, or how that
// has ended.
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
