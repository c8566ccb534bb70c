package httpconnector_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/tasks"
)

// roundTripper is a transport that is a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// dialWith returns a transport that gets its connections from the function dial.
func dialWith(dial func(context.Context) (net.Conn, error)) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
}

func TestNeverSent(t *testing.T) {
	refused := listen(t, nil)
	untrusted := httptest.NewUnstartedServer(nil)
	untrusted.Config.ErrorLog = discardLog
	untrusted.StartTLS()
	defer untrusted.Close()
	hangs := dialWith(func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() })
	unknown := dialWith(func(context.Context) (net.Conn, error) { return nil, &net.DNSError{Err: "no such host"} })
	for _, c := range []struct {
		name, base string
		transport  http.RoundTripper
		want       tasks.ConnectorResult
	}{
		{"refused", "http://" + closedPort(t), nil, tasks.ConnectorResult{Effect: tasks.None, Note: "connection refused"}},
		{"no such host", refused, unknown, tasks.ConnectorResult{Effect: tasks.None, Note: "the service's host name does not resolve"}},
		{"a dial that hangs", refused, hangs, tasks.ConnectorResult{Effect: tasks.None, Note: "no answer in 2s"}},
		{"an untrusted certificate", untrusted.URL, nil, tasks.ConnectorResult{Effect: tasks.None, Note: "the service's certificate is not trusted"}},
		{"TLS to a port without TLS", "https" + refused[len("http"):], nil, tasks.ConnectorResult{Effect: tasks.None, Note: "connection failed"}},
	} {
		connector := open(t, c.base, httpconnector.Options{Timeout: 2 * time.Second, Transport: c.transport})
		if got := connector.Do(t.Context(), connectortest.NewRequest(tasks.Upgrade, "x")); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestUnsentRequestIsRepeated refuses the first connections, as a service that restarts does.
func TestUnsentRequestIsRepeated(t *testing.T) {
	p := connectortest.NewProvider(t)
	dials := 0
	connector := open(t, p.URL, httpconnector.Options{Transport: dialWith(func(ctx context.Context) (net.Conn, error) {
		if dials++; dials < 3 {
			return nil, errors.New("not yet")
		}
		return new(net.Dialer).DialContext(ctx, "tcp", p.URL[len("http://"):])
	})})
	if got := connector.Do(t.Context(), connectortest.NewRequest(tasks.Upgrade, "x")); got.Effect != tasks.Settled {
		t.Errorf("%+v", got)
	}
	if n := len(p.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestSentRequestIsNotRepeated cuts the connection during its second request. The connector must not repeat a request that was
// sent. By default net/http would repeat it, because it has an idempotency key.
func TestSentRequestIsNotRepeated(t *testing.T) {
	var requests atomic.Int32
	c := serve(t, httpconnector.Options{}, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if requests.Add(1) == 2 {
			panic(http.ErrAbortHandler)
		}
	})
	for range 2 {
		if got := c.Do(t.Context(), connectortest.NewRequest(tasks.Upgrade, "x")); got.Effect != tasks.Unknown {
			t.Errorf("%+v", got)
		}
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests for 2 attempts", n)
	}
}

// TestConnectionLostWithinRequest cuts the connection within the request.
func TestConnectionLostWithinRequest(t *testing.T) {
	listener := listenTCP(t)
	requests := make(chan string, 9)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReaderSize(conn, 16).ReadString('\n')
			requests <- line
			_ = conn.Close()
		}
	}()
	connector := open(t, "http://"+listener.Addr().String(), httpconnector.Options{})
	got := connector.Do(t.Context(), connectortest.NewRequest(tasks.Upgrade, "x"))
	if got.Effect != tasks.Unknown || got.Note != "connection lost" {
		t.Errorf("%+v", got)
	}
	if n := len(requests); n != 1 {
		t.Errorf("%d requests for one attempt", n)
	}
}

// TestTransportWithoutTrace has a transport that does not report to httptrace, so it may have sent everything.
func TestTransportWithoutTrace(t *testing.T) {
	calls := 0
	connector := open(t, "https://service.example", httpconnector.Options{Transport: roundTripper(
		func(*http.Request) (*http.Response, error) { calls++; return nil, errors.New("dial") },
	)})
	got := connector.Do(t.Context(), connectortest.NewRequest(tasks.Upgrade, "x"))
	if got.Effect != tasks.Unknown || calls != 1 {
		t.Errorf("%+v after %d calls", got, calls)
	}
}

func TestHTTP2(t *testing.T) {
	p := new(connectortest.Provider)
	server := httptest.NewUnstartedServer(p)
	server.Config.ErrorLog = discardLog
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs, ServerName: "example.com"}
	transport.ForceAttemptHTTP2 = true
	defer transport.CloseIdleConnections()
	connector := open(t, server.URL, httpconnector.Options{Transport: transport})
	o := connectortest.NewRequest(tasks.Upgrade, "success+cut_after+success@example.com")
	for i, want := range []tasks.Effect{tasks.Settled, tasks.Unknown, tasks.Settled} {
		if got := connector.Do(t.Context(), o); got.Effect != want {
			t.Errorf("attempt %d: %+v", i+1, got)
		}
		o.Attempt++
	}
	if n := len(p.Requests()); n != 3 {
		t.Errorf("%d requests for 3 attempts", n)
	}
	p.CheckAll(t)
}

// TestConnectionsAreKept makes more simultaneous attempts than there are workers by default, twice.
func TestConnectionsAreKept(t *testing.T) {
	const attempts = 100
	var connections sync.Map
	var arrived sync.WaitGroup // waits for all requests before the first response
	connector := serve(t, httpconnector.Options{}, func(w http.ResponseWriter, r *http.Request) {
		connections.Store(r.RemoteAddr, true)
		arrived.Done()
		arrived.Wait()
		_, _ = fmt.Fprint(w, `{"outcome":"success"}`)
	})
	for range 2 {
		arrived.Add(attempts)
		var all sync.WaitGroup
		for range attempts {
			all.Go(func() {
				if got := connector.Do(t.Context(), connectortest.NewRequest(tasks.Renew, "x")); got.Effect != tasks.Settled {
					t.Errorf("got %+v", got)
					arrived.Done() // otherwise the other requests would wait for this one
				}
			})
		}
		all.Wait()
	}
	n := 0
	connections.Range(func(any, any) bool { n++; return true })
	if n != attempts {
		t.Errorf("%d connections for %d simultaneous attempts", n, attempts)
	}
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func closedPort(t *testing.T) string {
	listener := listenTCP(t)
	_ = listener.Close()
	return listener.Addr().String()
}
