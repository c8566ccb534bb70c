// Package connlimit limits the number of connections of an HTTP server.
//
// Past the limit, a [Limiter] closes the connection that has kept the server waiting longest. The
// server waits for a request, for the rest of a request, or for the client to receive a response. So
// clients that hold connections open and send nothing, or send slowly, do not displace active clients.
//
//	new connection ─▶ idle ◀──────────────────▶ busy
//	                   │    request in progress
//	                   ▼ over the limit: the longest idle
//	                 closed
package connlimit

import (
	"container/list"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
)

// A Limiter tracks the connections of one server and keeps up to a limit of them. It is safe for concurrent use.
type Limiter struct {
	limit int // 0: no limit

	mu    sync.Mutex
	idle  list.List // of *conn; the longest idle first
	conns map[net.Conn]*conn
}

type conn struct {
	net      net.Conn
	idleElem *list.Element // the connection's element in Limiter.idle; nil: the connection is busy
	requests int           // number of the connection's requests in progress; HTTP/2 allows several
}

// New returns a limiter that keeps up to limit connections. If limit is 0, there is no limit.
func New(limit int) *Limiter { return &Limiter{limit: limit, conns: map[net.Conn]*conn{}} }

// Install makes l track the connections and requests of a server. Call it after the server's Handler is set, and before
// the server runs. It wraps Handler, and sets ConnContext and ConnState.
func (l *Limiter) Install(server *http.Server) {
	server.Handler = l.wrapHandler(server.Handler)
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, l.add(c))
	}
	server.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			l.remove(c)
		}
	}
}

type connKey struct{}

// add adds a connection. If the limit is now exceeded, add closes the connection that has been idle longest. If all
// other connections are busy, add closes the new connection itself.
func (l *Limiter) add(c net.Conn) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	added := &conn{net: c}
	added.idleElem = l.idle.PushBack(added)
	l.conns[c] = added
	if l.limit > 0 && len(l.conns) > l.limit {
		l.close(l.idle.Front())
	}
	return added
}

// close closes an idle connection. The caller holds mu.
func (l *Limiter) close(idleElem *list.Element) {
	c := idleElem.Value.(*conn)
	l.forget(c)
	closer := c.net
	if secure, is := closer.(*tls.Conn); is {
		closer = secure.NetConn() // skips the closing message of TLS, which may take seconds
	}
	_ = closer.Close() // an error needs no action
}

func (l *Limiter) remove(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tracked := l.conns[c]; tracked != nil {
		l.forget(tracked)
	}
}

// forget stops tracking a connection. The caller holds mu.
func (l *Limiter) forget(c *conn) {
	delete(l.conns, c.net)
	l.notIdle(c)
}

func (l *Limiter) notIdle(c *conn) {
	if c.idleElem != nil {
		l.idle.Remove(c.idleElem)
		c.idleElem = nil
	}
}

// markBusy records that a request of the connection is in progress.
func (l *Limiter) markBusy(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.requests++
	l.notIdle(c)
}

// markIdle records that a request is no longer in progress. After the last request, the connection is idle again.
func (l *Limiter) markIdle(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.requests--; c.requests == 0 && l.conns[c.net] == c {
		c.idleElem = l.idle.PushBack(c)
	}
}

// wrapHandler returns a handler that calls next, and marks the connection of the request as busy during the call.
func (l *Limiter) wrapHandler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, is := r.Context().Value(connKey{}).(*conn)
		if !is {
			next.ServeHTTP(w, r)
			return
		}
		l.markBusy(c)
		defer l.markIdle(c)
		if r.Body != http.NoBody {
			r.Body = &idleAwareBody{r.Body, l, c}
		}
		next.ServeHTTP(w, r)
	})
}

// An idleAwareBody is a request body. Its connection counts as idle during a read, which waits for the client.
type idleAwareBody struct {
	io.ReadCloser
	limiter *Limiter
	conn    *conn
}

func (b *idleAwareBody) Read(p []byte) (int, error) {
	b.limiter.markIdle(b.conn)
	defer b.limiter.markBusy(b.conn)
	return b.ReadCloser.Read(p)
}
