package bunstore_test

import (
	"flag"
	"strconv"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// TestEveryStatementMayFail makes the first statement of every operation fail, then the second, and so on, in
// every mode. The call must have taken effect completely or not at all, whatever it returns. Repeated calls
// must succeed, and one more call must change nothing.
func TestEveryStatementMayFail(t *testing.T) {
	inLabs(t, func(l *lab) {
		failed := 0
		for _, o := range operations() {
			want := l.unharmed(o)
			for _, m := range modes {
				for k := 1; l.suits(o, m) && l.fails(o, m, k, want); k++ {
					failed++
				}
			}
		}
		l.Attr("faults", strconv.Itoa(failed))
	}, "sqlite", "postgres", "postgres"+onTheWire, "distributed", "distributed"+onTheWire)
}

// everyMode makes Postgres fail in every mode too.
var everyMode = flag.Bool("every-mode", false, "test every statement in every mode on Postgres")

// suits reports whether to test the operation in this mode. To save time, the race detector gets one mode. Postgres gets
// one mode of each kind, unless -every-mode is set. A distributed store always does, because only its statements
// differ from Postgres.
func (l *lab) suits(o operation, m mode) bool {
	if racing > 1 && (!m.first || m.dies != l.wire) {
		return false
	}
	if !m.first && !l.plain.Embedded() && (l.distributed() || !*everyMode) {
		return false
	}
	if l.wire {
		return m.dies
	}
	return l.plain.Embedded() || l.distributed() || !o.imports
}

// unharmed returns the shape of the database after an operation without faults.
func (l *lab) unharmed(o operation) string {
	l.Helper()
	l.clear()
	if err := o.prepare(l)(l.plain); err != nil {
		l.Fatalf("%s: %v", o.name, err)
	}
	return shape(l.dump())
}

// fails makes the k-th statement of an operation fail. It returns false if the operation has fewer statements.
func (l *lab) fails(o operation, m mode, k int, want string) bool {
	l.Helper()
	l.clear()
	call := o.prepare(l)
	before := l.dump()
	l.arm(m, k)
	err := call(l.frail)
	hits, _ := l.disarm()
	if hits == 0 && err != nil {
		l.Fatalf("%s: nothing has failed, and the call gives %v", o.name, err)
	}
	between := l.dump()
	l.converges(call, err)
	after := l.dump()
	if !o.anew {
		l.converges(call, errFault)
		if again := l.dump(); again != after {
			l.Errorf("made again it has changed\n%s\nto\n%s", after, again)
		}
		if between != after && (between != before || err == nil) {
			l.Errorf("with %v it has left\n%s\nof\n%s\nto\n%s", err, between, before, after)
		}
		if shape(after) != want {
			l.Errorf("it has left\n%s\nwant\n%s", shape(after), want)
		}
		if (before == after) != o.still {
			l.Errorf("it has changed\n%s\nto\n%s", before, after)
		}
	}
	l.sound()
	if l.Failed() {
		l.Fatalf("%s: statement %d, %s", o.name, k, m.name)
	}
	return hits > 0
}

// converges repeats a call until it returns no error.
func (l *lab) converges(call func(s *bunstore.Store) error, err error) {
	l.Helper()
	const most = 3 // because the pool may return a broken connection once more
	for n := 0; err != nil; n++ {
		if n == most {
			l.Errorf("made again it gives %v", err)
			return
		}
		err = call(l.frail)
	}
}
