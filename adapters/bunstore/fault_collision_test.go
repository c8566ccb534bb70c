package bunstore_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/jackc/pgerrcode"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/tasks"
)

// mostRuns is the greatest number of times that the store runs a transaction.
const mostRuns = 8

// TestCollisions makes each statement fail with a serialization failure or a deadlock:
//
//   - A transaction that fails once runs again, and its caller sees no error.
//   - A transaction that fails every time returns an error after [mostRuns] runs.
//   - A call that is a single statement may return an error. Then it has had no effect.
func TestCollisions(t *testing.T) {
	inLabs(t, func(l *lab) {
		refused := 0
		for _, o := range operations() {
			for _, m := range collisions() {
				for k := 1; !o.imports && l.suits(o, m) && l.collides(o, m, k); k++ {
					refused++
				}
			}
		}
		l.Attr("faults", strconv.Itoa(refused))
	}, "postgres", "distributed")
}

// collides makes the k-th statement of an operation fail. It returns false if the operation has fewer statements.
func (l *lab) collides(o operation, m mode, k int) bool {
	l.Helper()
	l.clear()
	call := o.prepare(l)
	before := l.dump()
	l.arm(m, k)
	err := call(l.frail)
	hits, begun := l.disarm()
	runs := 1
	if m.every {
		runs = mostRuns
	}
	repeated := o.repeats && begun == 0 && l.distributed() // the k-th statement of its second run is a later one
	switch {
	case hits == 0 && err != nil, m.every && hits > 0 && err == nil && !repeated, !m.every && begun > 0 && err != nil:
		l.Errorf("after %d refusals: %v", hits, err)
	case hits > 0 && begun > 0 && hits != runs, begun > mostRuns:
		l.Errorf("%d runs, %d refusals", begun, hits)
	}
	if err != nil && l.dump() != before {
		l.Error("what was refused has left a trace")
	}
	l.converges(call, err)
	if !o.anew {
		after := l.dump()
		if l.converges(call, errFault); l.dump() != after {
			l.Error("made again it has changed something")
		}
	}
	l.sound()
	if l.Failed() {
		l.Fatalf("%s: statement %d, %s", o.name, k, m.name)
	}
	return hits > 0
}

// TestADeadlock causes a deadlock with another program, which locks two keys in the opposite order. It checks
// that the transaction of the store is aborted and runs again.
func TestADeadlock(t *testing.T) {
	inLabs(t, func(l *lab) {
		notOnCitus(l, l.url)
		changes := l.accept(2)
		l.arm(mode{}, -1) // counts transactions; no statement fails
		blocker, err := l.db.BeginTx(l.life, nil)
		if err != nil {
			l.Fatal(err)
		}
		if _, err := blocker.ExecContext(l.life, "SET LOCAL deadlock_timeout = '30s'"); err != nil { // the store detects it first
			l.Fatal(err)
		}
		if _, err := blocker.ExecContext(l.life, "SELECT 1 FROM keyseat_keys WHERE code = $1 FOR UPDATE", string(code("K", 1))); err != nil {
			l.Fatal(err)
		}
		l.Cleanup(func() { _ = blocker.Rollback() }) // the server has ended it already
		// The second run waits for the end of the blocker. Otherwise it could lock the first key before the blocker wakes up,
		// and both would deadlock again.
		free, done := make(chan struct{}), make(chan error, 1)
		l.free = free
		go func() { done <- made(l, l.frail, changes) }()
		// The server does all of this in one round trip. A test that is slow between the steps would let the store
		// reach its lock_timeout, and the transaction would run once more.
		if _, err := blocker.ExecContext(l.life, fmt.Sprintf(`DO $$ BEGIN
			WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))) LOOP
				PERFORM pg_sleep(0.001);
			END LOOP;
			PERFORM 1 FROM keyseat_keys WHERE code = '%s' FOR UPDATE;
		END $$; ROLLBACK`, code("K", 0))); err != nil {
			l.Fatal(err)
		}
		close(free)
		if err := <-done; err != nil {
			l.Error(err)
		}
		if _, begun := l.disarm(); !l.wire && (begun != 2 || dberr.SQLState(l.refused) != pgerrcode.DeadlockDetected) {
			l.Errorf("the transaction was run %d times, %v", begun, l.refused)
		}
		after := l.dump()
		if err := made(l, l.frail, changes); err != nil || l.dump() != after {
			l.Errorf("made again: %v", err)
		}
		l.sound()
	}, "postgres", "postgres"+onTheWire, "distributed", "distributed"+onTheWire)
}

// made applies changes, and returns all their errors as one.
func made(l *lab, s *bunstore.Store, changes []tasks.Change) error {
	verdicts, err := s.Apply(l.life, changes)
	return errors.Join(append(verdicts, err)...)
}
