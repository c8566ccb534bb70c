package blackbox_test

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// A proxy stands between the daemons and Postgres, and is as bad a network as it is told to be.
type proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	links   map[*link]bool
	delay   time.Duration // of what Postgres says
	silent  bool          // nothing gets through, and nobody is told
	deaf    bool          // the answer to a COMMIT is lost
	broken  int           // links that were cut
	commits int           // whose answers were lost
}

// A link is one connection through the proxy, its two ends.
type link struct {
	client, server net.Conn
	mute           bool // for ever
	lost           bool // it is cut as soon as Postgres answers
}

// newProxy stands before the server of that URL, and gives the URL to use instead.
func newProxy(t *testing.T, address string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: u.Host, links: map[*link]bool{}}
	t.Cleanup(func() {
		_ = listener.Close() // nobody is left to care
		p.cut()
	})
	go p.serve()
	u.Host = listener.Addr().String()
	return p, u.String()
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // the test is over
		}
		go p.join(client)
	}
}

func (p *proxy) join(client net.Conn) {
	server, err := net.Dial("tcp", p.target) //nolint:noctx // it is on this machine
	if err != nil {
		_ = client.Close() // which is how the client learns of it
		return
	}
	l := &link{client: client, server: server}
	p.mu.Lock()
	p.links[l], l.mute = true, p.silent
	p.mu.Unlock()
	go p.pump(l, server, client, p.says)
	p.pump(l, client, server, p.asked)
}

// pump carries what one end says to the other, unless through keeps it.
func (p *proxy) pump(l *link, from, to net.Conn, through func(*link, []byte) bool) {
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

// asked looks at what a daemon says.
func (p *proxy) asked(l *link, chunk []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deaf && !l.mute && bytes.Contains(bytes.ToLower(chunk), []byte("commit\x00")) {
		l.lost = true
		p.commits++
	}
	return !l.mute
}

// says looks at what Postgres says, and takes its time.
func (p *proxy) says(l *link, _ []byte) bool {
	p.mu.Lock()
	delay, lost, mute := p.delay, l.lost, l.mute
	p.mu.Unlock()
	time.Sleep(delay) // that is the network which is simulated
	if lost {
		p.drop(l)
	}
	return !mute && !lost
}

// drop closes a link, which ends both of its pumps.
func (p *proxy) drop(l *link) {
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
	_ = l.client.Close() // one end or the other may be closed already
	_ = l.server.Close()
}

// cut cuts every link.
func (p *proxy) cut() {
	p.mu.Lock()
	var all []*link
	for l := range p.links {
		all = append(all, l)
	}
	p.broken += len(all)
	p.mu.Unlock()
	for _, l := range all {
		p.drop(l)
	}
}

// slow delays all that Postgres says from now on.
func (p *proxy) slow(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// loseCommits cuts each link, from now on or no more, when Postgres answers to a COMMIT.
func (p *proxy) loseCommits(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = on
}

// harm says how many links were cut, and how many commits had their answers lost.
func (p *proxy) harm() (broken, commits int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken, p.commits
}

// silence makes every link mute for ever, and with on those too that are made from now on.
func (p *proxy) silence(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = on
	for l := range p.links {
		l.mute = l.mute || on
	}
}
