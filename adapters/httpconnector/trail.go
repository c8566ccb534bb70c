package httpconnector

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/keyseat/keyseat/tasks"
)

// A trail is what is known of where a request has been, over all the connections it was tried on.
type trail struct {
	looked atomic.Bool // for a connection: the transport reports at all
	got    atomic.Bool // a connection
	wrote  atomic.Bool // at least a header into the connection's buffer
}

type trailKey struct{}

// follow watches the request that is made with the new context.
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

// maybeSent is false only where it is certain that no complete header, and so nothing that can be
// acted on, has left this machine. Headers are reported while they are gathered, before they are
// flushed.
func (t *trail) maybeSent() bool { return !t.looked.Load() || t.wrote.Load() }

// effect is that of a request which has failed. When the context ends, the transport returns while
// its writer may still be about to write, so that a connection is enough to doubt.
func (t *trail) effect(ctx context.Context) tasks.Effect {
	if t.maybeSent() || (ctx.Err() != nil && t.got.Load()) {
		return tasks.Unknown
	}
	return tasks.None
}
