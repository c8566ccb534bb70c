package httpclient

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// A Trace records how far a request has got, over all attempts since the last [Trace.Reset]. After a failure it answers
// one question: may the request have been sent, so that the server can act on it?
//
//	no attempt began                                    not sent
//	the transport got no connection                     not sent
//	it got a connection and wrote no header field       not sent, unless the context ended
//	it wrote a header field to the connection's buffer  maybe sent
//	the transport does not report to httptrace          maybe sent
//
// If the context ends, the transport returns while its writer may still be about to write. So a request that has a
// connection counts as maybe sent then. In all other cases the transport waits for its writer.
type Trace struct {
	begun    atomic.Bool // a transport has got the request
	reported atomic.Bool // the transport has requested a connection, so it reports to httptrace
	got      atomic.Bool // the request has a connection
	wrote    atomic.Bool // a header field may be in the connection's buffer
}

type traceKey struct{}

// WithTrace returns a context, and the trace of the request that is made with that context. The request must go through
// a [Transport].
func WithTrace(ctx context.Context) (context.Context, *Trace) {
	t := new(Trace)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:          func(string) { t.reported.Store(true) },
		GotConn:          func(httptrace.GotConnInfo) { t.got.Store(true) },
		WroteHeaderField: func(string, []string) { t.wrote.Store(true) },
	})
	return context.WithValue(ctx, traceKey{}, t), t
}

// TraceOf returns the trace of the context's request, or nil if the context does not come from [WithTrace].
func TraceOf(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// MaybeSent reports whether the request may have been sent. If it returns false, certainly no complete header has left
// this machine.
func (t *Trace) MaybeSent() bool {
	return t.begun.Load() && (!t.reported.Load() || t.wrote.Load())
}

// Reset forgets the attempts that certainly had no effect, such as an attempt that the server has refused.
func (t *Trace) Reset() {
	for _, flag := range []*atomic.Bool{&t.begun, &t.reported, &t.got, &t.wrote} {
		flag.Store(false)
	}
}

// A Transport records in the [Trace] of a request what its RoundTripper does.
//
// It hides the method CloseIdleConnections. If go-retryablehttp finds that method, it closes all idle connections at
// each failure.
type Transport struct{ RoundTripper http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := TraceOf(r.Context())
	trace.begun.Store(true)
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil && trace.got.Load() && ended(r.Context()) {
		trace.wrote.Store(true)
	}
	return response, err
}

// ended reports whether the context has ended or is about to end. The timeout of an [http.Client] is the deadline of the
// context, but it may cancel a request a moment before the context ends.
func ended(ctx context.Context) bool {
	deadline, has := ctx.Deadline()
	return ctx.Err() != nil || has && !time.Now().Before(deadline)
}
