package connlimit_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/connlimit"
)

// serve runs a server with a limit on its connections, and returns its address.
func serve(t *testing.T, limit int, handler http.HandlerFunc) string {
	server := httptest.NewUnstartedServer(handler)
	connlimit.New(limit).Install(server.Config)
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// A client is the other end of a connection.
type client struct {
	*testing.T
	net.Conn
	in *bufio.Reader
}

func connect(t *testing.T, address string) client {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the server may have closed it
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return client{t, conn, bufio.NewReader(conn)}
}

func (c client) send(text string) {
	c.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.Fatal(err)
	}
}

// answered reads a response. It reports false if the server closes the connection instead.
func (c client) answered() bool {
	c.Helper()
	r, err := http.ReadResponse(c.in, nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.Fatal("neither answered nor closed")
	}
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		c.Error(err)
	}
	return r.Body.Close() == nil && r.StatusCode == http.StatusOK
}

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// TestLongestIdleConnectionIsClosed fills a server. Each new connection then replaces the connection
// that is idle longest, which is not the oldest connection.
func TestLongestIdleConnectionIsClosed(t *testing.T) {
	address := serve(t, 3, func(http.ResponseWriter, *http.Request) {})
	first, second, third := connect(t, address), connect(t, address), connect(t, address)
	for _, c := range []client{second, third, first} {
		if c.send(get); !c.answered() {
			t.Fatal("one of three was closed")
		}
	}
	for _, idle := range []client{second, third} {
		added := connect(t, address)
		if added.send(get); !added.answered() {
			t.Error("the new connection was closed")
		}
		if idle.answered() {
			t.Error("the longest idle connection was answered")
		}
	}
	if first.send(get); !first.answered() {
		t.Error("another connection was closed")
	}
}

// TestBusyConnectionsStay fills a server with connections whose requests are in progress. A new
// connection is then closed.
func TestBusyConnectionsStay(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	address := serve(t, 2, func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-release
	})
	var busy []client
	for range 2 {
		c := connect(t, address)
		c.send(get)
		<-begun
		busy = append(busy, c)
	}
	if connect(t, address).answered() {
		t.Error("the new connection was answered")
	}
	close(release)
	for _, c := range busy {
		if !c.answered() {
			t.Error("a busy connection was closed")
		}
	}
}

// TestSlowBodyCountsAsIdle sends a request without its body. Its connection is idle then, so a new one
// replaces it.
func TestSlowBodyCountsAsIdle(t *testing.T) {
	begun := make(chan struct{}, 1000)
	address := serve(t, 1, func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		_, _ = io.ReadAll(r.Body) // fails when the connection is closed
	})
	slow := connect(t, address)
	slow.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
	<-begun
	served := func() bool {
		c := connect(t, address)
		_, err := io.WriteString(c, get) // fails if the server has closed the connection
		return err == nil && c.answered()
	}
	for !served() { // the handler may not have begun to read
		time.Sleep(time.Millisecond)
	}
	if slow.answered() {
		t.Error("the slow connection was answered")
	}
}
