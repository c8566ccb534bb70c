package daemon_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// serve runs a server with a limit on its connections, and returns its address. The functions set change its fields.
func (f fixture) serve(maxConns int, set ...func(*daemon.Server)) string {
	f.Helper()
	var open net.ListenConfig
	listener, err := open.Listen(f.Context(), "tcp", "127.0.0.1:0")
	f.must(err)
	server := &daemon.Server{
		API: f.api, Pool: worker.New(f.engine), Public: listener, MaxConns: maxConns,
		Ready: func(context.Context) error { return nil }, Drain: time.Second, Log: slog.New(slog.DiscardHandler),
	}
	for _, s := range set {
		s(server)
	}
	ctx, stop := context.WithCancel(f.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	f.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			f.Error(err)
		}
	})
	return listener.Addr().String()
}

// A peer is the client's end of a connection to the server.
type peer struct {
	fixture
	net.Conn
	in *bufio.Reader
}

func (f fixture) connect(address string) peer {
	f.Helper()
	conn, err := new(net.Dialer).DialContext(f.Context(), "tcp", address)
	f.must(err)
	f.must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
	f.Cleanup(func() { _ = conn.Close() }) // the connection may be closed already
	return peer{f, conn, bufio.NewReader(conn)}
}

func (p peer) send(text string) {
	p.Helper()
	_, err := io.WriteString(p.Conn, text)
	p.must(err)
}

// receive reads a response. It returns "" if the connection is closed instead.
func (p peer) receive() (code int, body string) {
	p.Helper()
	r, err := http.ReadResponse(p.in, nil)
	if err != nil {
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			p.Fatal("neither answered nor closed")
		}
		return 0, ""
	}
	defer func() { _ = r.Body.Close() }() // the body was read
	text, err := io.ReadAll(r.Body)
	p.must(err)
	if r.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		p.Errorf("%d has the content type %q", r.StatusCode, r.Header.Get("Content-Type"))
	}
	return r.StatusCode, string(text)
}

func TestServerLimitsItsConnections(t *testing.T) {
	address := newFixture(t).serve(1)
	first, second := newFixture(t).connect(address), newFixture(t).connect(address)
	if code, _ := first.receive(); code != 0 {
		t.Errorf("the first connection is not closed but answered %d", code)
	}
	second.send("GET /API/?stock HTTP/1.1\r\nHost: x\r\n\r\n")
	if code, _ := second.receive(); code != 200 {
		t.Errorf("the second connection is answered %d", code)
	}
}

// A blockingStore is a store that signals each read of keys, and answers only after the channel release is closed.
type blockingStore struct {
	tasks.Store
	entered, release chan struct{}
}

func newBlockingStore(f fixture) blockingStore {
	return blockingStore{f.store, make(chan struct{}, 10), make(chan struct{})}
}

func (b blockingStore) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	b.entered <- struct{}{}
	<-b.release
	return b.Store.Find(ctx, codes)
}

// TestRequestsOverInFlightLimitGet503 checks that a request over the limit of simultaneous requests immediately gets a
// 503.
func TestRequestsOverInFlightLimitGet503(t *testing.T) {
	f := newFixture(t)
	f.importKeys(keys.Key{Code: "K"})
	store := newBlockingStore(f)
	f.api.Engine.Store, f.api.MaxInFlight = store, 1
	first := make(chan int)
	go func() { first <- f.send("GET", "/API/?info=K", "").Code }()
	<-store.entered
	r := f.send("GET", "/API/?info=K", "")
	if r.Code != 503 || r.Header().Get("Retry-After") == "" || !strings.Contains(r.Body.String(), "System error") {
		t.Errorf("%d %v %s", r.Code, r.Header(), r.Body)
	}
	close(store.release)
	if code := <-first; code != 200 {
		t.Errorf("the first: %d", code)
	}
	if r := f.send("GET", "/API/?info=K", ""); r.Code != 200 {
		t.Errorf("afterwards: %d", r.Code)
	}
}

// A brokenListener is a listener that fails when its channel is closed.
type brokenListener chan struct{}

func (l brokenListener) Accept() (net.Conn, error) {
	<-l
	return nil, errors.New("the network is away")
}

func (brokenListener) Close() error { return nil }

func (brokenListener) Addr() net.Addr { return &net.TCPAddr{} }

// TestRunReturnsErrorOfListener checks that the error of a listener is returned, even if the context ends while the
// server still drains because of this error. The pool has a task whose connector call lasts until then.
func TestRunReturnsErrorOfListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.importKeys(keys.Key{Code: "K"})
		f.addPlan("p", "US", 1)
		if got := f.send("POST", "/API/", upgradeK).Body.String(); got != sent {
			t.Fatal(got)
		}
		f.engine.Connector = simulator.Connector{Delay: 10 * time.Second}
		listener := make(brokenListener)
		server := &daemon.Server{
			API: f.api, Pool: worker.New(f.engine), Public: listener, Drain: 20 * time.Second, Log: slog.New(slog.DiscardHandler),
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		time.AfterFunc(time.Second, func() { close(listener) })
		time.AfterFunc(2*time.Second, stop)
		if err := server.Run(ctx); err == nil || !strings.Contains(err.Error(), "the network is away") {
			t.Errorf("Run returned %v", err)
		}
	})
}

// TestPanicOfPageIsLogged checks that a panic of a handler is logged as an error, with the place but without the value,
// which could contain submitted data.
func TestPanicOfPageIsLogged(t *testing.T) {
	f := newFixture(t)
	var log lockedBuffer
	p := f.connect(f.serve(0, func(s *daemon.Server) {
		s.Page = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a secret\nof two lines") })
		s.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}))
	p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if code, _ := p.receive(); code != 0 {
		t.Errorf("answered %d", code)
	}
	if got := log.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "TestPanicOfPageIsLogged") || strings.Contains(got, "secret") || strings.Contains(got, "two lines") {
		t.Errorf("logged %s", got)
	}
}

// TestImpatientProbeLogsReason checks that a probe that stops waiting does not end the check of the database. The log
// must have the reason why the daemon is not ready.
func TestImpatientProbeLogsReason(t *testing.T) {
	f := newFixture(t)
	var log lockedBuffer
	begun, ended := make(chan struct{}), make(chan struct{})
	open := new(net.ListenConfig)
	admin, err := open.Listen(t.Context(), "tcp", "127.0.0.1:0")
	f.must(err)
	f.serve(0, func(s *daemon.Server) {
		s.Admin, s.Log = admin, slog.New(slog.NewTextHandler(&log, nil))
		s.Ready = func(ctx context.Context) error {
			close(begun)
			defer close(ended)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(300 * time.Millisecond):
				return errors.New("the disk is full")
			}
		}
	})
	probe, err := net.Dial("tcp", admin.Addr().String()) //nolint:noctx // the address is on loopback
	f.must(err)
	_, err = io.WriteString(probe, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
	f.must(err)
	<-begun
	f.must(probe.Close())
	<-ended
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(log.String(), "not ready"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("logged %s", log.String())
		}
	}
	if got := log.String(); !strings.Contains(got, "the disk is full") {
		t.Errorf("logged %s", got)
	}
}

// A lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestUnparsableRequestsAreAnsweredInJSON sends requests that do not reach a handler.
func TestUnparsableRequestsAreAnsweredInJSON(t *testing.T) {
	address := newFixture(t).serve(0)
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
		p := newFixture(t).connect(address)
		p.send(request)
		code, body := p.receive()
		if code != want || !strings.HasPrefix(body, `{"status":"error","message":"`) || strings.Contains(body, "\n") {
			t.Errorf("%.40q: %d %s, not %d", request, code, body, want)
		}
	}
}
