package bunstore_test

import (
	"strconv"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// TestEveryStatementMayFail fails the first statement of every operation, then the second, and so on, in
// every mode. Whatever the call then answers, it has been made as a whole or not at all; made again it
// comes to its end, and made once more it changes nothing.
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

// suits says whether the operation can fail so. One mode must do under the race detector, and one of
// each kind in the distributed form, which keeps its promises as the other does but for its statements.
func (l *lab) suits(o operation, m mode) bool {
	if racing > 1 && (!m.first || m.dies != l.wire) || l.distributed() && !m.first {
		return false
	}
	if l.wire {
		return m.dies
	}
	return l.plain.Embedded() || l.distributed() || !o.imports
}

// unharmed gives the shape of what an operation leaves when nothing fails.
func (l *lab) unharmed(o operation) string {
	l.Helper()
	l.clear()
	if err := o.prepare(l)(l.plain); err != nil {
		l.Fatalf("%s: %v", o.name, err)
	}
	return shape(l.dump())
}

// fails tries one statement of an operation, and says whether the operation has so many.
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

// converges makes a call again until it has no error.
func (l *lab) converges(call func(s *bunstore.Store) error, err error) {
	l.Helper()
	const most = 3 // since a connection that died may be found dead once more
	for n := 0; err != nil; n++ {
		if n == most {
			l.Errorf("made again it gives %v", err)
			return
		}
		err = call(l.frail)
	}
}
