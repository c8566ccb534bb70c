package blackbox_test

import (
	"slices"

	"github.com/keyseat/keyseat/adapters/connectortest"
)

// fates says which tasks each request has become: those that the provider was asked for with its
// login, and, where it was not, one of its key that was accepted during the call. left are the tasks
// that no request has become.
func (e *evidence) fates() (became map[int64][]string, left []taskRow) {
	became = map[int64][]string{}
	logins := e.logins()
	taken := map[string]bool{}
	for _, told := range e.story {
		for _, x := range told {
			if x.Login != "" {
				became[x.N] = logins[x.Login]
				for _, id := range logins[x.Login] {
					taken[id] = true
				}
			}
		}
	}
	for _, t := range e.tasks {
		if taken[t.id] {
			continue
		}
		if x, found := e.unasked(t, became); found {
			became[x.N] = []string{t.id}
		} else {
			left = append(left, t)
		}
	}
	return became, left
}

// unasked finds the request that became a task of which the provider has not heard.
func (e *evidence) unasked(t taskRow, became map[int64][]string) (exchange, bool) {
	fits := func(x exchange) bool {
		return x.Call == t.kind && len(became[x.N]) == 0 && x.At <= t.created && (x.unknown() || t.created <= x.until)
	}
	told := e.story[t.code]
	for _, accepted := range []bool{true, false} {
		if i := slices.IndexFunc(told, func(x exchange) bool { return x.acked() == accepted && fits(x) }); i >= 0 {
			return told[i], true
		}
	}
	return exchange{}, false
}

// logins are the tasks that the provider was asked for, by login.
func (e *evidence) logins() map[string][]string {
	all := map[string][]string{}
	for _, lines := range e.asked {
		for _, l := range lines {
			if ids := all[l.Asked.Login]; !slices.Contains(ids, l.Asked.Task) {
				all[l.Asked.Login] = append(ids, l.Asked.Task)
			}
		}
	}
	return all
}

// acceptedIsOneTask holds as well that the task has the key, the kind and the country of the request,
// and that the provider was given its account.
func (e *evidence) acceptedIsOneTask(not wrong) {
	became, _ := e.fates()
	tasks, asked := e.byID(), e.firstAsked()
	for _, told := range e.story {
		for _, x := range told {
			if !x.acked() {
				continue
			}
			ids := became[x.N]
			if len(ids) != 1 {
				not("%+v became %d tasks", x.note, len(ids))
				continue
			}
			t, stored := tasks[ids[0]]
			if !stored || t.code != x.Key || t.kind != x.Call || t.country != x.Country && x.Call == "upgrade" {
				not("%+v became %+v", x.note, t)
			}
			if a := asked[t.id]; a != nil && (a.Account != x.Account || string(a.Kind) != x.Call || string(a.Country) != t.country) {
				not("%+v was sent as %+v", x.note, a)
			}
		}
	}
}

// firstAsked is how the provider was asked for each task at first.
func (e *evidence) firstAsked() map[string]*connectortest.RequestLine {
	all := map[string]*connectortest.RequestLine{}
	for _, lines := range e.asked {
		all[lines[0].Asked.Task] = lines[0].Asked
	}
	return all
}

// unansweredIsOneAtMost holds as well that what was refused has become none, and that there is no task
// without a request.
func (e *evidence) unansweredIsOneAtMost(not wrong) {
	became, left := e.fates()
	for _, told := range e.story {
		for _, x := range told {
			n := len(became[x.N])
			if x.unknown() && n > 1 || !x.unknown() && !x.acked() && n > 0 {
				not("%+v, answered with %d %s, became %d tasks", x.note, x.code, x.body, n)
			}
		}
	}
	for _, t := range left {
		not("nobody has asked for %+v", t)
	}
}
