package client

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// The type trail records how far the current attempt of a request has got. It is reset before each further
// attempt. A request with once gets a further attempt only if the earlier attempts certainly had no effect.
type trail struct {
	once   bool        // the request must not be carried out twice
	begun  atomic.Bool // the transport has got the request
	looked atomic.Bool // the transport has requested a connection, which shows that it supports httptrace
	got    atomic.Bool // the transport has got a connection
}

type trailKey struct{}

// follow returns a context that records the progress of the request that is made with it.
func follow(ctx context.Context, once bool) (context.Context, *trail) {
	t := &trail{once: once}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { t.looked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { t.got.Store(true) },
	})
	return context.WithValue(ctx, trailKey{}, t), t
}

func followed(ctx context.Context) *trail {
	t, _ := ctx.Value(trailKey{}).(*trail)
	return t
}

// maybeSent reports whether data may have been sent. It returns false only if that is certainly not the
// case. A connection is sufficient for true: when a transport times out, it returns although its writer may
// still write.
func (t *trail) maybeSent() bool { return t.begun.Load() && (!t.looked.Load() || t.got.Load()) }

// forget resets the record for the next attempt.
func (t *trail) forget() {
	t.begun.Store(false)
	t.looked.Store(false)
	t.got.Store(false)
}

// A watched transport records that it has got a request. It has no other methods, in particular not
// CloseIdleConnections. If that method existed, go-retryablehttp would call it at each failure and close
// the idle connections of all users of the transport.
type watched struct{ transport http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (w watched) RoundTrip(r *http.Request) (*http.Response, error) {
	followed(r.Context()).begun.Store(true)
	answer, err := w.transport.RoundTrip(r)
	if err == nil {
		restore(answer)
	}
	return answer, err
}
