package blackbox_test

import (
	"encoding/json"
	"maps"
	"slices"
)

// life is what info may show after what, once a request was accepted, with the number of used: the
// table of the contract, apart from what an operator does.
var life = map[string]struct {
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

// following is all that may be shown after that, given the calls that may have been accepted.
func following(shown string, calls map[string]bool) []string {
	reached := []string{shown}
	for i := 0; i < len(reached); i++ {
		if step := life[reached[i]]; step.call == "" || calls[step.call] {
			for _, next := range step.next {
				if !slices.Contains(reached, next) {
					reached = append(reached, next)
				}
			}
		}
	}
	return reached
}

// after is what may be shown once a request of that call was accepted.
func after(call string) []string {
	if call == "renew" {
		return following("in_queue 1", nil)
	}
	return following("in_queue 0", nil)
}

// see reads what info has shown: the status with the number of used.
func see(body string) (state string, fits bool) {
	var k shown
	if json.Unmarshal([]byte(body), &k) != nil {
		return body, false
	}
	state = k.Status + " " + string(rune('0'+k.Used))
	switch _, known := life[state]; {
	case !known:
		return state, false
	case k.Status == "failed_upgrade" || k.Status == "failed":
		return state, slices.Contains(slices.Collect(maps.Values(messages)), k.Message)
	case k.Status == "success_renew":
		return state, k.Message == "Key Renewed"
	}
	return state, k.Message == ""
}

// overdue is how long after a call without an answer it may still be accepted: the database may have
// been asked, and is slow.
const overdue = 15_000_000

// infoFollowsLife goes through what was shown of each key, in order. Between two looks a request may
// have been accepted, unless it was refused. Of one that has no answer it may be that what it wrote is gone
// again, if such a thing has happened at all.
func (e *evidence) infoFollowsLife(not wrong) {
	for code, told := range e.story {
		last, before, open := "", "", []exchange(nil)
		for _, x := range told {
			if x.Call != "info" {
				open = append(open, x)
				continue
			}
			state, fits := see(x.body)
			calls := map[string]bool{}
			for _, o := range open {
				calls[o.Call] = calls[o.Call] || o.acked() || o.unknown()
			}
			gone := e.alone && state == before && slices.ContainsFunc(open, exchange.unknown)
			if !fits || last != "" && !gone && !slices.Contains(following(last, calls), state) {
				not("%s, after %q and %v, has shown %s", code, last, calls, x.body)
			}
			last = state
			open = slices.DeleteFunc(open, func(o exchange) bool { return !o.unknown() || o.until != forEver && o.until+overdue < x.At })
			if len(open) == 0 {
				before = state
			}
		}
	}
}

// infoShowsAccepted holds that the first look after an accepted request shows its task, or how that
// has ended.
func (e *evidence) infoShowsAccepted(not wrong) {
	for code, told := range e.story {
		for i, x := range told {
			if !x.acked() || i+1 == len(told) || told[i+1].Call != "info" {
				continue
			}
			if state, _ := see(told[i+1].body); !slices.Contains(after(x.Call), state) {
				not("%s, after an accepted %s, has shown %s", code, x.Call, told[i+1].body)
			}
		}
	}
}
