package bunstore_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
)

// obstacles are triggers that make Apply fail: at the write, and at the COMMIT.
var obstacles = map[string]string{
	"write":  `CREATE TRIGGER obstacle BEFORE INSERT ON keyseat_history`,
	"commit": `CREATE CONSTRAINT TRIGGER obstacle AFTER INSERT ON keyseat_history DEFERRABLE INITIALLY DEFERRED`,
}

// TestObstacles makes the server refuse the writes of a pipeline, because a test driver cannot. After one refusal the
// transaction runs again, and its caller sees no error. If every run is refused, no change is left.
func TestObstacles(t *testing.T) {
	inLabs(t, func(l *lab) {
		notOnCitus(l, l.url)
		for at, trigger := range obstacles {
			for _, state := range []string{"40001", "40P01", "23505"} {
				for _, times := range []int{1, mostRuns} {
					l.obstructed(at, trigger, state, times)
				}
			}
		}
	}, "postgres"+onTheWire, "distributed"+onTheWire)
}

// obstructed accepts three tasks, while the server refuses the given number of runs.
func (l *lab) obstructed(at, trigger, state string, times int) {
	l.Helper()
	l.clear()
	changes := l.accept(3)
	before := l.dump()
	l.must(fmt.Sprintf(`CREATE SEQUENCE hits; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('hits') <= %d THEN RAISE EXCEPTION USING ERRCODE = '%s'; END IF; RETURN NEW; END $$;
		%s FOR EACH ROW EXECUTE FUNCTION refuse()`, times, state, trigger))
	err := made(l, l.frail, changes)
	var hits int
	if err := l.db.QueryRowContext(l.life, `SELECT last_value FROM hits`).Scan(&hits); err != nil {
		l.Fatal(err)
	}
	l.must(`DROP TRIGGER obstacle ON keyseat_history; DROP FUNCTION refuse; DROP SEQUENCE hits`)
	if (err == nil) != (times == 1) || (l.dump() == before) != (err != nil) {
		l.Errorf("refused %d times at the %s with %s: %v", times, at, state, err)
	}
	if want := map[int]int{1: 1 + len(changes), mostRuns: mostRuns}[times]; hits != want {
		l.Errorf("refused %d times at the %s with %s: %d lines were tried, want %d", times, at, state, hits, want)
	}
	if err := made(l, l.frail, changes); err != nil {
		l.Errorf("made again: %v", err)
	}
	l.sound()
}

func (l *lab) must(sql string) {
	l.Helper()
	if _, err := l.db.ExecContext(l.life, sql); err != nil {
		l.Fatal(err)
	}
}

// A frailWire is a network connection to Postgres that breaks as its faults say: before the at-th message is
// sent, or when its answer arrives. It also tests imports, which bypass the driver and use pgx.
type frailWire struct {
	net.Conn
	*faults
	lost atomic.Bool // the next answer is lost
}

// dialFrail is a pgconn.DialFunc that returns a frailWire.
func (f *faults) dialFrail(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return &frailWire{Conn: conn, faults: f}, err
}

func (w *frailWire) Write(p []byte) (int, error) {
	if len(p) > 0 && p[0] == 'X' { // the message that ends a connection, sent in the background
		return w.Conn.Write(p)
	}
	m, fails := w.next(exec)
	if !fails || m.done {
		w.lost.CompareAndSwap(false, fails)
		return w.Conn.Write(p)
	}
	_ = w.Close() // like a broken connection
	return 0, io.ErrClosedPipe
}

func (w *frailWire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if w.lost.Load() {
		_ = w.Close() // like a broken connection
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}
