package daemon

import (
	"container/list"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
)

// A crowd is a connection limiter: it tracks the connections of a listener and keeps up to limit of
// them. Past the limit it closes the connection that has kept the daemon waiting longest. The wait
// can be for a request, for the rest of a request, or for the client to receive an answer.
//
// So clients that hold connections open and send nothing, or send slowly, do not displace active
// clients. A crowd is safe for concurrent use.
type crowd struct {
	limit int // 0: no limit

	mu      sync.Mutex
	waiting list.List // the connections that the daemon waits for, the longest wait first
	guests  map[net.Conn]*guest
}

// A guest is a tracked connection.
type guest struct {
	conn    net.Conn
	place   *list.Element // its element of waiting; nil: the daemon does not wait for it
	working int           // number of its requests in progress; HTTP/2 allows several
}

func newCrowd(limit int) *crowd { return &crowd{limit: limit, guests: map[net.Conn]*guest{}} }

// watch installs the limiter in a server, so that it tracks the server's connections and requests.
func (c *crowd) watch(server *http.Server) {
	server.Handler = c.attend(server.Handler)
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, guestKey{}, c.join(conn))
	}
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			c.leave(conn)
		}
	}
}

type guestKey struct{}

// join adds a connection, and closes a connection if there are too many.
func (c *crowd) join(conn net.Conn) *guest {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := &guest{conn: conn}
	g.place = c.waiting.PushBack(g)
	c.guests[conn] = g
	if c.limit > 0 && len(c.guests) > c.limit {
		c.drop(c.waiting.Front()) // the new connection itself, if all others have requests in progress
	}
	return g
}

func (c *crowd) drop(place *list.Element) {
	g, is := place.Value.(*guest)
	if !is {
		return
	}
	c.forget(g)
	conn := g.conn
	if secure, is := conn.(*tls.Conn); is {
		conn = secure.NetConn() // without the closing message of TLS, which may take seconds
	}
	_ = conn.Close() // an error needs no action
}

func (c *crowd) leave(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g := c.guests[conn]; g != nil {
		c.forget(g)
	}
}

func (c *crowd) forget(g *guest) {
	delete(c.guests, g.conn)
	c.rise(g)
}

func (c *crowd) rise(g *guest) {
	if g.place != nil {
		c.waiting.Remove(g.place)
		g.place = nil
	}
}

// works records that a request of the connection is in progress.
func (c *crowd) works(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g.working++
	c.rise(g)
}

// waits records that a request is no longer in progress. After the last request, the daemon waits
// for the connection again.
func (c *crowd) waits(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.working--; g.working == 0 && c.guests[g.conn] == g {
		g.place = c.waiting.PushBack(g)
	}
}

// attend wraps a handler so that the limiter knows which connections have requests in progress.
func (c *crowd) attend(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, is := r.Context().Value(guestKey{}).(*guest)
		if !is {
			next.ServeHTTP(w, r)
			return
		}
		c.works(g)
		defer c.waits(g)
		if r.Body != http.NoBody {
			r.Body = &awaited{r.Body, c, g}
		}
		next.ServeHTTP(w, r)
	})
}

// An awaited is a request body. While the daemon reads it, the daemon counts as waiting for the
// connection.
type awaited struct {
	io.ReadCloser
	crowd *crowd
	guest *guest
}

func (a *awaited) Read(p []byte) (int, error) {
	a.crowd.waits(a.guest)
	defer a.crowd.works(a.guest)
	return a.ReadCloser.Read(p)
}
