package harness

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Proxy connects daemons with PostgreSQL or clients with daemons. It simulates a bad network.
type Proxy struct {
	listener net.Listener
	target   string

	delay       atomic.Int64 // the delay of each chunk from the server, in nanoseconds
	loseCommits atomic.Bool  // the responses to COMMITs are lost
	broken      atomic.Int64 // the number of connections that were cut
	commits     atomic.Int64 // the number of COMMITs whose responses were lost

	mu     sync.Mutex
	conns  map[*proxyConn]bool
	silent bool // new connections are silent
}

// A proxyConn is one connection through the proxy, with its two ends.
type proxyConn struct {
	client, server net.Conn
	silent         bool // the proxy discards all data, and keeps the connection open
	lost           bool // the proxy closes the connection as soon as the server responds
}

// NewProxy starts a proxy for the server of a URL, and returns the URL of the proxy.
func NewProxy(t *testing.T, address string) (*Proxy, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // Listen does not block
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, target: u.Host, conns: map[*proxyConn]bool{}}
	t.Cleanup(func() {
		_ = listener.Close() // no client is left
		p.Cut()
	})
	go p.serve()
	u.Host = listener.Addr().String()
	return p, u.String()
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // the test has ended
		}
		go p.connect(client)
	}
}

func (p *Proxy) connect(client net.Conn) {
	server, err := net.Dial("tcp", p.target) //nolint:noctx // the server is on this machine
	if err != nil {
		_ = client.Close() // so the client sees an error
		return
	}
	l := &proxyConn{client: client, server: server}
	p.mu.Lock()
	p.conns[l], l.silent = true, p.silent
	p.mu.Unlock()
	go p.copy(l, server, client, p.fromServer)
	p.copy(l, client, server, p.fromClient)
}

// copy copies data from one end to the other. It discards chunks of data for which the function pass returns false.
func (p *Proxy) copy(l *proxyConn, from, to net.Conn, pass func(*proxyConn, []byte) bool) {
	defer p.drop(l)
	chunk := make([]byte, 32<<10)
	for {
		n, err := from.Read(chunk)
		if err != nil {
			return
		}
		if !pass(l, chunk[:n]) {
			continue
		}
		if _, err := to.Write(chunk[:n]); err != nil {
			return
		}
	}
}

// fromClient reports whether a chunk of the client passes.
func (p *Proxy) fromClient(l *proxyConn, chunk []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loseCommits.Load() && !l.silent && bytes.Contains(bytes.ToLower(chunk), []byte("commit\x00")) {
		l.lost = true
		p.commits.Add(1)
	}
	return !l.silent
}

// fromServer delays a chunk of the server, and reports whether it passes.
func (p *Proxy) fromServer(l *proxyConn, _ []byte) bool {
	p.mu.Lock()
	lost, silent := l.lost, l.silent
	p.mu.Unlock()
	time.Sleep(time.Duration(p.delay.Load())) // the simulated network is slow
	if lost {
		p.drop(l)
	}
	return !silent && !lost
}

// drop closes a connection, so that both directions end.
func (p *Proxy) drop(l *proxyConn) {
	p.mu.Lock()
	delete(p.conns, l)
	p.mu.Unlock()
	_ = l.client.Close() // one end may be closed already
	_ = l.server.Close()
}

// Cut closes every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	var all []*proxyConn
	for l := range p.conns {
		all = append(all, l)
	}
	p.mu.Unlock()
	p.broken.Add(int64(len(all)))
	for _, l := range all {
		p.drop(l)
	}
}

// Delay delays everything that the server sends from now on.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

// LoseCommits makes the proxy close a connection instead of passing the response to a COMMIT. If on is false, the proxy
// passes these responses again.
func (p *Proxy) LoseCommits(on bool) { p.loseCommits.Store(on) }

// Damage returns the number of connections that were cut, and the number of COMMITs whose responses were lost.
func (p *Proxy) Damage() (broken, commits int) { return int(p.broken.Load()), int(p.commits.Load()) }

// Silence makes every open connection silent forever, and also every connection that opens later. If on is false,
// connections that open after the call are not silent.
func (p *Proxy) Silence(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = on
	for l := range p.conns {
		l.silent = l.silent || on
	}
}
