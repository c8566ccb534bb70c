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

// A crowd is the connections of a listener, and keeps so many at most. Past the limit the one goes
// that has kept the daemon waiting longest: for a request, for the rest of one, or to take an answer.
// So those who hold connections open and say nothing, or little at a time, take no place from those
// who ask. It is safe for concurrent use.
type crowd struct {
	limit int // 0: none

	mu      sync.Mutex
	waiting list.List // of the guests that are waited for, the longest first
	guests  map[net.Conn]*guest
}

// A guest is a connection of a crowd.
type guest struct {
	conn    net.Conn
	place   *list.Element // among those that are waited for; nil: it is not
	working int           // its requests that are worked on, of which HTTP/2 has several
}

func newCrowd(limit int) *crowd { return &crowd{limit: limit, guests: map[net.Conn]*guest{}} }

// watch makes a server tell of its connections and requests.
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

// join lets a connection in, and another out where there are too many.
func (c *crowd) join(conn net.Conn) *guest {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := &guest{conn: conn}
	g.place = c.waiting.PushBack(g)
	c.guests[conn] = g
	if c.limit > 0 && len(c.guests) > c.limit {
		c.drop(c.waiting.Front()) // the newest, if all others are worked for
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
		conn = secure.NetConn() // because a farewell may take seconds
	}
	_ = conn.Close() // nobody is told
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

// works notes that a request of the guest is worked on.
func (c *crowd) works(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g.working++
	c.rise(g)
}

// waits notes that one no longer is.
func (c *crowd) waits(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.working--; g.working == 0 && c.guests[g.conn] == g {
		g.place = c.waiting.PushBack(g)
	}
}

// attend notes what is done for whom.
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

// An awaited body comes from a guest, who is waited for as long as it does not.
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
