package client

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// A trail is what is known of where a request has been since it was last certain that nothing has
// come of it.
type trail struct {
	once   bool        // it must not be carried out twice
	begun  atomic.Bool // the transport has it
	looked atomic.Bool // for a connection: the transport reports at all
	got    atomic.Bool // a connection
}

type trailKey struct{}

// follow watches the request that is made with the new context.
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

// maybeSent is false only where it is certain that nothing has left this machine. A connection is
// enough to doubt, because a transport that times out returns while its writer may be about to write.
func (t *trail) maybeSent() bool { return t.begun.Load() && (!t.looked.Load() || t.got.Load()) }

// forget begins anew.
func (t *trail) forget() {
	t.begun.Store(false)
	t.looked.Store(false)
	t.got.Store(false)
}

// A watched transport notes what it is given. It hides the others' methods, because go-retryablehttp
// closes the idle connections of everybody at each failure if it finds the one that does.
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
