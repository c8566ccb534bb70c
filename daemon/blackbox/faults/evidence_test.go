package faults_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// evidence is what three independent sources record: the clients' journal, the provider's ledger and the database. The
// checker checks each promise against this evidence.
type evidence struct {
	records
	calls    map[string][]requestRecord // by key, in order, without infos that show the same as the info before
	stock    []requestRecord
	requests map[string][]connectortest.Line // the requests to the provider, by idempotency key
	effects  map[string][]connectortest.Line // the effects at the provider, by idempotency key

	// The longest time between the decision of a change and its visibility. It is longer if the database was down.
	maxLag time.Duration
	// The longest time from the acceptance of a task to its end.
	maxTaskTime time.Duration
	// What a request without an answer has written may have been visible, and then lost with the primary.
	lostWithPrimary bool
}

// sources are the paths of the journal and of the ledger, and the URL of the database.
type sources struct{ journal, ledger, database string }

// read reads the evidence. Nothing may write at that time.
func (w sources) read(ctx context.Context) (*evidence, error) {
	e := &evidence{
		calls: map[string][]requestRecord{}, requests: map[string][]connectortest.Line{}, effects: map[string][]connectortest.Line{},
		maxLag: 5 * time.Second, maxTaskTime: harness.MaxWait,
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

// add adds a call to those of its key.
func (e *evidence) add(x requestRecord) {
	if x.Call == "stock" {
		if x.code == 200 {
			e.stock = append(e.stock, x)
		}
		return
	}
	if x.Call == "info" && x.code != 200 {
		return // it shows nothing
	}
	calls := e.calls[x.Key]
	if n := len(calls); x.Call == "info" && n > 0 && calls[n-1].Call == "info" && calls[n-1].body == x.body {
		return
	}
	e.calls[x.Key] = append(calls, x)
}

// A violation reports what is wrong, in the form of [fmt.Sprintf].
type violation func(format string, args ...any)

// A promise is something that must hold whatever breaks, with the function that checks it.
type promise struct {
	name  string
	holds func(*evidence, violation)
}

// promises are all that the evidence can show.
var promises = []promise{
	{"the slots of each plan add up", (*evidence).slotsAddUp},
	{"the counters are the sum of the recorded moves", (*evidence).countersMatchHistory},
	{"a task holds a slot once and closes its hold once", (*evidence).holdsCloseOnce},
	{"the provider has filled what is spent, and no more than is spent or suspect", (*evidence).effectsAreCounted},
	{"a key has one open task at a time", (*evidence).oneTaskAtATime},
	{"a use of a key is one successful upgrade", (*evidence).oneUpgradePerUse},
	{"an accepted request is one task, with what was submitted", (*evidence).acceptedIsOneTask},
	{"a request without an answer is one task at most", (*evidence).unansweredIsOneTaskAtMost},
	{"a task ends as the provider has answered", (*evidence).outcomesAreAnswers},
	{"every task ends in time", (*evidence).everyTaskEnds},
	{"info follows the life of a key", (*evidence).infoFollowsTransitions},
	{"a task has no more writes than leases, and none after its end", (*evidence).writesHaveLeases},
	{"an idempotency key has one payload and one effect", (*evidence).oneEffectPerKey},
	{"what has ended keeps no secret", (*evidence).endedKeepsNoSecret},
	{"info shows what was accepted", (*evidence).infoShowsAccepted},
	{"stock was true at some instant of the call", (*evidence).stockWasAccurate},
	{"no lease is left", (*evidence).noLeaseLeft},
}

// maxViolations is the number of violations of one promise that are reported.
const maxViolations = 10

// check returns the violations of all promises.
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

// byID returns the tasks by id.
func (e *evidence) byID() map[string]taskRow {
	all := make(map[string]taskRow, len(e.tasks))
	for _, t := range e.tasks {
		all[t.id] = t
	}
	return all
}

// byKey returns the tasks of each key, in the order of their acceptance.
func (e *evidence) byKey() map[string][]taskRow {
	all := map[string][]taskRow{}
	for _, t := range e.tasks {
		all[t.code] = append(all[t.code], t)
	}
	return all
}

// micros converts a number of microseconds to a duration.
func micros(micros int64) time.Duration { return time.Duration(micros) * time.Microsecond }
