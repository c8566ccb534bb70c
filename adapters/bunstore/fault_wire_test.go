package bunstore_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
)

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
