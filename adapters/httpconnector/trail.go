package httpconnector

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/keyseat/keyseat/tasks"
)

// A trail records how far a request got, over all the connections on which it was tried.
type trail struct {
	looked atomic.Bool // the transport has looked for a connection, so it reports to httptrace
	got    atomic.Bool // the request has a connection
	wrote  atomic.Bool // at least one header field is in the connection's buffer
}

type trailKey struct{}

// follow returns a context, and the trail of the request that is made with that context.
func follow(ctx context.Context) (context.Context, *trail) {
	t := new(trail)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:          func(string) { t.looked.Store(true) },
		GotConn:          func(httptrace.GotConnInfo) { t.got.Store(true) },
		WroteHeaderField: func(string, []string) { t.wrote.Store(true) },
	})
	return context.WithValue(ctx, trailKey{}, t), t
}

func followed(ctx context.Context) *trail {
	t, _ := ctx.Value(trailKey{}).(*trail)
	return t
}

// maybeSent reports whether the request may have been sent. It is false only if certainly no complete header has
// left this machine, so that the service cannot act on the request. The trace reports header fields when they
// are written to the buffer, before the buffer is flushed.
func (t *trail) maybeSent() bool { return !t.looked.Load() || t.wrote.Load() }

// effect returns the effect of a request that has failed. If ctx has ended, a request that got a connection counts
// as possibly sent. In this case the transport returns while its writer may still be about to write.
func (t *trail) effect(ctx context.Context) tasks.Effect {
	if t.maybeSent() || (ctx.Err() != nil && t.got.Load()) {
		return tasks.Unknown
	}
	return tasks.None
}
