package bunstore_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
)

// A frailWire is a connection to Postgres that is cut as it is told to: before the at-th message goes
// out, or when the answer to it has come. It reaches what no driver does, because an import speaks to
// pgx itself.
type frailWire struct {
	net.Conn
	*faults
	lost atomic.Bool // is the next answer
}

// dialFrail is a pgconn.DialFunc.
func (f *faults) dialFrail(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return &frailWire{Conn: conn, faults: f}, err
}

func (w *frailWire) Write(p []byte) (int, error) {
	if len(p) > 0 && p[0] == 'X' { // the farewell of a connection that is closed in the background
		return w.Conn.Write(p)
	}
	m, fails := w.next(exec)
	if !fails || m.done {
		w.lost.CompareAndSwap(false, fails)
		return w.Conn.Write(p)
	}
	_ = w.Close() // as a cut does
	return 0, io.ErrClosedPipe
}

func (w *frailWire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if w.lost.Load() {
		_ = w.Close() // as a cut does
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}
