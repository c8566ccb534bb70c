package daemon_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// serve runs a server with a limit on its connections, and returns its address.
func (s shop) serve(maxConns int) string {
	s.Helper()
	var open net.ListenConfig
	listener, err := open.Listen(s.Context(), "tcp", "127.0.0.1:0")
	s.must(err)
	server := &daemon.Server{
		API: s.api, Pool: worker.New(s.engine), Public: listener, MaxConns: maxConns,
		Ready: func(context.Context) error { return nil }, Drain: time.Second, Log: slog.New(slog.DiscardHandler),
	}
	ctx, stop := context.WithCancel(s.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	s.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			s.Error(err)
		}
	})
	return listener.Addr().String()
}

// A peer is the other end of a connection.
type peer struct {
	shop
	net.Conn
	in *bufio.Reader
}

func (s shop) connect(address string) peer {
	s.Helper()
	conn, err := new(net.Dialer).DialContext(s.Context(), "tcp", address)
	s.must(err)
	s.must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
	s.Cleanup(func() { _ = conn.Close() }) // it may have gone
	return peer{s, conn, bufio.NewReader(conn)}
}

func (p peer) say(text string) {
	p.Helper()
	_, err := io.WriteString(p.Conn, text)
	p.must(err)
}

// hears reads an answer. It returns "" if the connection is closed instead.
func (p peer) hears() (code int, body string) {
	p.Helper()
	r, err := http.ReadResponse(p.in, nil)
	if err != nil {
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			p.Fatal("neither answered nor closed")
		}
		return 0, ""
	}
	defer func() { _ = r.Body.Close() }() // it is read
	text, err := io.ReadAll(r.Body)
	p.must(err)
	if r.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		p.Errorf("%d has the content type %q", r.StatusCode, r.Header.Get("Content-Type"))
	}
	return r.StatusCode, string(text)
}

func TestServerLimitsItsConnections(t *testing.T) {
	address := open(t).serve(1)
	first, second := open(t).connect(address), open(t).connect(address)
	if code, _ := first.hears(); code != 0 {
		t.Errorf("the first connection is not closed but answered %d", code)
	}
	second.say("GET /API/?stock HTTP/1.1\r\nHost: x\r\n\r\n")
	if code, _ := second.hears(); code != 200 {
		t.Errorf("the second connection is answered %d", code)
	}
}

// A pondering store signals each read, and answers when it is allowed to.
type pondering struct {
	tasks.Store
	asked, may chan struct{}
}

func ponder(s shop) pondering {
	return pondering{s.store, make(chan struct{}, 10), make(chan struct{})}
}

func (p pondering) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	p.asked <- struct{}{}
	<-p.may
	return p.Store.Find(ctx, codes)
}

// TestCallsAreBounded checks that requests past the limit immediately get the answer of a busy
// daemon.
func TestCallsAreBounded(t *testing.T) {
	s := open(t)
	s.bring(keys.Key{Code: "K"})
	store := ponder(s)
	s.api.Engine.Store, s.api.MaxInFlight = store, 1
	first := make(chan int)
	go func() { first <- s.ask("GET", "/API/?info=K", "").Code }()
	<-store.asked
	r := s.ask("GET", "/API/?info=K", "")
	if r.Code != 503 || r.Header().Get("Retry-After") == "" || !strings.Contains(r.Body.String(), "System error") {
		t.Errorf("%d %v %s", r.Code, r.Header(), r.Body)
	}
	close(store.may)
	if code := <-first; code != 200 {
		t.Errorf("the first: %d", code)
	}
	if r := s.ask("GET", "/API/?info=K", ""); r.Code != 200 {
		t.Errorf("afterwards: %d", r.Code)
	}
}

// TestWhatCannotBeParsedIsAnsweredInJSON sends requests that do not reach a handler.
func TestWhatCannotBeParsedIsAnsweredInJSON(t *testing.T) {
	address := open(t).serve(0)
	for request, want := range map[string]int{
		"GET /API/?info=a b HTTP/1.1\r\nHost: x\r\n\r\n":                                       400,
		"GET /API/?stock HTTP/1.1\r\n\r\n":                                                     400,
		"GET /API/?stock HTTP/9.9\r\nHost: x\r\n\r\n":                                          505,
		"POST /API/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n":                    501,
		"POST /API/ HTTP/1.1\r\nHost: x\r\nExpect: more\r\nContent-Length: 5\r\n\r\nstock":     417,
		"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 64<<10):                  431,
		"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 20<<10) + "\r\n\r\n":     404,
		"GET /API/ HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 20<<10) + "\r\n\r\n": 431,
	} {
		p := open(t).connect(address)
		p.say(request)
		code, body := p.hears()
		if code != want || !strings.HasPrefix(body, `{"status":"error","message":"`) || strings.Contains(body, "\n") {
			t.Errorf("%.40q: %d %s, not %d", request, code, body, want)
		}
	}
}
