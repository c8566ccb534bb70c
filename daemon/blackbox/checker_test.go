package blackbox_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
)

// evidence is what three witnesses say who know nothing of each other: the clients' notes, the
// provider's ledger and the database. Each of the [blackbox.promises] is held to it.
type evidence struct {
	records
	calls    map[string][]requestRecord // of each key, in order; of infos that show the same, the first
	stock    []requestRecord
	requests map[string][]connectortest.Line // requests, by idempotency key
	effects  map[string][]connectortest.Line // by idempotency key

	// How long before or after the time of its decision a change may come to be seen: longer where the
	// database was away.
	maxLag time.Duration
	// How long a task may take from its acceptance to its end.
	maxTaskTime time.Duration
	// What a request without an answer has written may be seen, and then be gone with the primary.
	lostWithPrimary bool
}

// sources are where the evidence lies.
type sources struct{ journal, ledger, database string }

// read reads the evidence, at rest: nobody is writing.
func (w sources) read(ctx context.Context) (*evidence, error) {
	e := &evidence{
		calls: map[string][]requestRecord{}, requests: map[string][]connectortest.Line{}, effects: map[string][]connectortest.Line{},
		maxLag: 5 * time.Second, maxTaskTime: MaxWait,
	}
	for x, err := range readJournal(w.journal) {
		if err != nil {
			return nil, err
		}
		e.add(x)
	}
	for line, err := range connectortest.ReadLedger(w.ledger) {
		switch {
		case err != nil:
			return nil, err
		case line.Request != nil:
			e.requests[line.Request.Key] = append(e.requests[line.Request.Key], line)
		case line.Effect != nil:
			e.effects[line.Effect.Key] = append(e.effects[line.Effect.Key], line)
		}
	}
	var err error
	e.records, err = readRows(ctx, w.database)
	return e, err
}

// add takes a call into the story of its key.
func (e *evidence) add(x requestRecord) {
	if x.Call == "stock" {
		if x.code == 200 {
			e.stock = append(e.stock, x)
		}
		return
	}
	if x.Call == "info" && x.code != 200 {
		return // it says nothing
	}
	calls := e.calls[x.Key]
	if n := len(calls); x.Call == "info" && n > 0 && calls[n-1].Call == "info" && calls[n-1].body == x.body {
		return
	}
	e.calls[x.Key] = append(calls, x)
}

// violation takes what is found to be wrong, as [fmt.Sprintf] does.
type violation func(format string, args ...any)

// A promise is one of what holds whatever breaks.
type promise struct {
	name  string
	holds func(*evidence, violation)
}

// promises are all that can be told from the evidence, at rest.
var promises = []promise{
	{"the slots of each plan add up", (*evidence).slotsAddUp},
	{"the counters are the sum of the recorded moves", (*evidence).countersMatchHistory},
	{"a task holds a slot once and closes its hold once", (*evidence).holdsCloseOnce},
	{"the provider has filled what is spent, and no more than is spent or suspect", (*evidence).effectsAreCounted},
	{"a key has one open task at a time", (*evidence).oneTaskAtATime},
	{"a use of a key is one successful upgrade", (*evidence).oneUpgradePerUse},
	{"an accepted request is one task, with what was submitted", (*evidence).acceptedIsOneTask},
	{"a request without an answer is one task at most", (*evidence).unansweredIsOneTaskAtMost},
	{"every task ends in time", (*evidence).everyTaskEnds},
	{"info follows the life of a key", (*evidence).infoFollowsTransitions},
	{"a task has no more writes than leases, and none after its end", (*evidence).writesHaveLeases},
	{"an idempotency key has one payload and one effect", (*evidence).oneEffectPerKey},
	{"what has ended keeps no secret", (*evidence).endedKeepsNoSecret},
	{"info shows what was accepted", (*evidence).infoShowsAccepted},
	{"stock was true at some instant of the call", (*evidence).stockWasAccurate},
	{"no lease is left", (*evidence).noLeaseLeft},
}

// maxViolations is how much is told of one broken promise.
const maxViolations = 10

// check says which promises are broken, and how.
func (e *evidence) check() error {
	var faults []error
	for _, p := range promises {
		found := 0
		p.holds(e, func(format string, args ...any) {
			if found++; found <= maxViolations {
				faults = append(faults, fmt.Errorf("not so: %s: %s", p.name, fmt.Sprintf(format, args...)))
			}
		})
		if found > maxViolations {
			faults = append(faults, fmt.Errorf("not so: %s: %d more", p.name, found-maxViolations))
		}
	}
	return errors.Join(faults...)
}

// byID gives the tasks by their ids.
func (e *evidence) byID() map[string]taskRow {
	all := make(map[string]taskRow, len(e.tasks))
	for _, t := range e.tasks {
		all[t.id] = t
	}
	return all
}

// byKey gives the tasks of each key, in the order in which they were accepted.
func (e *evidence) byKey() map[string][]taskRow {
	all := map[string][]taskRow{}
	for _, t := range e.tasks {
		all[t.code] = append(all[t.code], t)
	}
	return all
}

// micros says how long that is.
func micros(micros int64) time.Duration { return time.Duration(micros) * time.Microsecond }
