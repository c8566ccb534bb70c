package faults_test

import (
	"slices"

	"github.com/keyseat/keyseat/adapters/connectortest"
)

// tasksByRequest assigns tasks to requests. A task that was sent to the provider has the login of its request. A task
// that was not sent was accepted during a request for its key. The tasks without a request are left.
func (e *evidence) tasksByRequest() (became map[int64][]string, left []taskRow) {
	became = map[int64][]string{}
	logins := e.tasksByLogin()
	taken := map[string]bool{}
	for _, calls := range e.calls {
		for _, x := range calls {
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
		if x, found := e.requestOfUnsentTask(t, became); found {
			became[x.N] = []string{t.id}
		} else {
			left = append(left, t)
		}
	}
	return became, left
}

// requestOfUnsentTask returns the request of a task that was not sent to the provider.
func (e *evidence) requestOfUnsentTask(t taskRow, became map[int64][]string) (requestRecord, bool) {
	fits := func(x requestRecord) bool {
		return x.Call == t.kind && len(became[x.N]) == 0 && x.At <= t.created && (x.unknown() || t.created <= x.until)
	}
	calls := e.calls[t.code]
	for _, accepted := range []bool{true, false} {
		if i := slices.IndexFunc(calls, func(x requestRecord) bool { return x.accepted() == accepted && fits(x) }); i >= 0 {
			return calls[i], true
		}
	}
	return requestRecord{}, false
}

// tasksByLogin returns the tasks that were sent to the provider, by login.
func (e *evidence) tasksByLogin() map[string][]string {
	all := map[string][]string{}
	for _, lines := range e.requests {
		for _, l := range lines {
			if ids := all[l.Request.Login]; !slices.Contains(ids, l.Request.Task) {
				all[l.Request.Login] = append(ids, l.Request.Task)
			}
		}
	}
	return all
}

// acceptedIsOneTask also checks that the task has the key, the kind and the country of the request, and that the
// provider got its account.
func (e *evidence) acceptedIsOneTask(report violation) {
	became, _ := e.tasksByRequest()
	tasks, sent := e.byID(), e.firstRequests()
	for _, calls := range e.calls {
		for _, x := range calls {
			if !x.accepted() {
				continue
			}
			ids := became[x.N]
			if len(ids) != 1 {
				report("%+v became %d tasks", x.journalEntry, len(ids))
				continue
			}
			t, stored := tasks[ids[0]]
			if !stored || t.code != x.Key || t.kind != x.Call || t.country != x.Country && x.Call == "upgrade" {
				report("%+v became %+v", x.journalEntry, t)
			}
			if a := sent[t.id]; a != nil && (a.Account != x.Account || string(a.Kind) != x.Call || string(a.Country) != t.country) {
				report("%+v was sent as %+v", x.journalEntry, a)
			}
		}
	}
}

// firstRequests returns the first request to the provider for each task.
func (e *evidence) firstRequests() map[string]*connectortest.RequestLine {
	all := map[string]*connectortest.RequestLine{}
	for _, lines := range e.requests {
		all[lines[0].Request.Task] = lines[0].Request
	}
	return all
}

// unansweredIsOneTaskAtMost also checks that a refused request has no task, and that every task has a request.
func (e *evidence) unansweredIsOneTaskAtMost(report violation) {
	became, left := e.tasksByRequest()
	for _, calls := range e.calls {
		for _, x := range calls {
			n := len(became[x.N])
			if x.unknown() && n > 1 || !x.unknown() && !x.accepted() && n > 0 {
				report("%+v, answered with %d %s, became %d tasks", x.journalEntry, x.code, x.body, n)
			}
		}
	}
	for _, t := range left {
		report("no request for %+v", t)
	}
}
