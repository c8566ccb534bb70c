package blackbox_test

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// A Proxy stands between the daemons and Postgres, and is as bad a network as it is told to be.
type Proxy struct {
	listener net.Listener
	target   string

	mu          sync.Mutex
	links       map[*proxyConn]bool
	delay       time.Duration // of what Postgres says
	silent      bool          // nothing gets through, and nobody is told
	loseCommits bool          // the answer to a COMMIT is lost
	broken      int           // links that were cut
	commits     int           // whose answers were lost
}

// A proxyConn is one connection through the proxy, its two ends.
type proxyConn struct {
	client, server net.Conn
	silent         bool // for ever
	lost           bool // it is cut as soon as Postgres answers
}

// NewProxy stands before the server of that URL, and gives the URL to use instead.
func NewProxy(t *testing.T, address string) (*Proxy, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, target: u.Host, links: map[*proxyConn]bool{}}
	t.Cleanup(func() {
		_ = listener.Close() // nobody is left to care
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
			return // the test is over
		}
		go p.connect(client)
	}
}

func (p *Proxy) connect(client net.Conn) {
	server, err := net.Dial("tcp", p.target) //nolint:noctx // it is on this machine
	if err != nil {
		_ = client.Close() // which is how the client learns of it
		return
	}
	l := &proxyConn{client: client, server: server}
	p.mu.Lock()
	p.links[l], l.silent = true, p.silent
	p.mu.Unlock()
	go p.copy(l, server, client, p.fromServer)
	p.copy(l, client, server, p.fromClient)
}

// copy carries what one end says to the other, unless through keeps it.
func (p *Proxy) copy(l *proxyConn, from, to net.Conn, through func(*proxyConn, []byte) bool) {
	defer p.drop(l)
	chunk := make([]byte, 32<<10)
	for {
		n, err := from.Read(chunk)
		if err != nil {
			return
		}
		if !through(l, chunk[:n]) {
			continue
		}
		if _, err := to.Write(chunk[:n]); err != nil {
			return
		}
	}
}

// fromClient looks at what a daemon says.
func (p *Proxy) fromClient(l *proxyConn, chunk []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loseCommits && !l.silent && bytes.Contains(bytes.ToLower(chunk), []byte("commit\x00")) {
		l.lost = true
		p.commits++
	}
	return !l.silent
}

// fromServer looks at what Postgres says, and takes its time.
func (p *Proxy) fromServer(l *proxyConn, _ []byte) bool {
	p.mu.Lock()
	delay, lost, mute := p.delay, l.lost, l.silent
	p.mu.Unlock()
	time.Sleep(delay) // that is the network which is simulated
	if lost {
		p.drop(l)
	}
	return !mute && !lost
}

// drop closes a link, which ends both of its pumps.
func (p *Proxy) drop(l *proxyConn) {
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
	_ = l.client.Close() // one end or the other may be closed already
	_ = l.server.Close()
}

// Cut cuts every link.
func (p *Proxy) Cut() {
	p.mu.Lock()
	var all []*proxyConn
	for l := range p.links {
		all = append(all, l)
	}
	p.broken += len(all)
	p.mu.Unlock()
	for _, l := range all {
		p.drop(l)
	}
}

// Delay delays all that Postgres says from now on.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// LoseCommits cuts each link, from now on or no more, when Postgres answers to a COMMIT.
func (p *Proxy) LoseCommits(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loseCommits = on
}

// Damage says how many links were cut, and how many commits had their answers lost.
func (p *Proxy) Damage() (broken, commits int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken, p.commits
}

// Silence makes every link mute for ever, and with on those too that are made from now on.
func (p *Proxy) Silence(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = on
	for l := range p.links {
		l.silent = l.silent || on
	}
}
