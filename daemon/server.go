package daemon

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/connlimit"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/worker"
)

// A Server runs an API and a worker pool on its own listeners. [Server.Run] describes how it stops them. Set its fields
// before Run, which is called once. A field without a comment is required.
type Server struct {
	API      *API
	Page     http.Handler // at / of the public listener; nil: no page
	Pool     *worker.Pool
	Public   net.Listener
	Admin    net.Listener                // nil: no admin listener
	Metrics  http.Handler                // at /metrics on the admin listener; nil: not served
	AdminAPI http.Handler                // at /admin/v1/ on the admin listener; nil: not served
	Console  http.Handler                // at / and /console/ on the admin listener; nil: not served
	Ready    func(context.Context) error // checks for /readyz whether requests can be served; returns nil if they can; required with Admin
	TLS      *tls.Config                 // of the public listener; nil: plain HTTP
	Drain    time.Duration               // how long a stop waits for attempts in progress; closing the connections then takes up to shutdownGrace
	// MaxConns is the maximum number of connections of each listener. Past this limit, the server closes the connection
	// that has kept the server waiting longest. 0: DefaultMaxConns; NoLimit: no limit.
	MaxConns int
	Log      *slog.Logger

	repeated loglimit.Limiter // limits log lines about readiness and listeners, because load balancers and clients can cause the same line again and again
}

// The limits of a connection. Answers are small and quick, so a client that needs longer is broken or malicious.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 15 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 2 * maxSize // of the URL and the headers together; the API limits each of them to maxSize
)

// http2Config limits HTTP/2, which needs TLS: the simultaneous requests of a connection, and the bytes that a client
// may send before the server reads them.
var http2Config = http.HTTP2Config{
	MaxConcurrentStreams:          32,
	MaxDecoderHeaderTableSize:     4 << 10,
	MaxReadFrameSize:              maxSize,
	MaxReceiveBufferPerConnection: 64 << 10,
	MaxReceiveBufferPerStream:     maxSize,
	SendPingTimeout:               30 * time.Second,
	PingTimeout:                   headerTimeout,
	WriteByteTimeout:              headerTimeout,
}

// Run serves until ctx ends, or until a listener fails. Then the server drains: it reports at /readyz that it is not
// ready, and the API refuses new requests. Run waits for calls that were sent to the provider, and then closes the
// listeners and connections.
//
// The error is nil if no listener failed and every task in progress was settled.
func (s *Server) Run(ctx context.Context) error {
	public, admin := s.newServer(s.publicHandler()), s.newServer(s.adminHandler())
	public.TLSConfig = s.TLS
	failed := make(chan error, 2)
	go func() { failed <- serveOn(public, s.publicListener()) }()
	if s.Admin != nil {
		go func() { failed <- serveOn(admin, s.Admin) }()
	}
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		select {
		case err := <-failed:
			stop(err)
		case <-working.Done():
		}
		s.API.Stop()
	}()
	if s.API.UnknownKeyLimiter != nil {
		go s.API.UnknownKeyLimiter.SendHeartbeats(working, s.Log)
	}
	err := s.Pool.Run(working, s.Drain)
	if cause := context.Cause(working); !errors.Is(cause, context.Cause(ctx)) { // a listener failed before ctx ended
		err = errors.Join(cause, err)
	}
	err = errors.Join(err, s.shutdown(context.WithoutCancel(ctx), public, admin))
	for _, limited := range []*loglimit.Limiter{&s.API.refusedLog, &s.API.failedLog, &s.repeated} {
		limited.Flush(context.WithoutCancel(ctx))
	}
	return err
}

// publicListener returns the listener of the API. Without TLS, it answers in JSON even if net/http cannot
// parse a request. With TLS, net/http answers such a request itself.
func (s *Server) publicListener() net.Listener {
	if s.TLS != nil {
		return s.Public
	}
	return jsonErrorListener{s.Public, s.API.HTTPStatus}
}

func serveOn(server *http.Server, on net.Listener) error {
	err := error(nil)
	if server.TLSConfig != nil {
		err = server.ServeTLS(on, "", "")
	} else {
		err = server.Serve(on)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving on %s: %w", on.Addr(), err)
}

func (s *Server) newServer(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true) // only over TLS
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         protocols,
		HTTP2:             &http2Config,
		// Without this, net/http answers "OPTIONS *" with a 200. The handler answers it with a 404, like any unknown
		// path.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(errorLog{s}, "", 0),
	}
	connlimit.New(max(0, cmp.Or(s.MaxConns, DefaultMaxConns))).Install(server)
	return server
}

// An errorLog receives the messages of net/http about connections. Clients cause most of them, for
// example with a broken TLS handshake, so they are logged at debug. A connection that cannot be
// accepted is an error of this machine, and is logged as an error. A panic of a handler, such as the
// page, is logged as an error too. The value of the panic is not logged, because it could contain submitted data.
type errorLog struct{ *Server }

func (l errorLog) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	failure := ""
	switch {
	case strings.HasPrefix(text, "http: Accept error: "):
		failure = "cannot accept connections"
	case strings.HasPrefix(text, "http: panic serving "), strings.HasPrefix(text, "http2: panic serving "):
		_, stack, _ := strings.Cut(text, "\ngoroutine ")
		failure, text = "a handler panicked", "goroutine "+stack
	default:
		l.Log.Debug(text)
		return len(p), nil
	}
	l.repeated.LogState(context.Background(), l.Log, loglimit.Event{Level: slog.LevelError, Message: failure}, errors.New(text))
	return len(p), nil
}

// shutdownGrace limits how long responses in progress may take after the worker pool has drained.
const shutdownGrace = 5 * time.Second

func (*Server) shutdown(ctx context.Context, servers ...*http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, shutdownGrace)
	defer cancel()
	var errs []error
	for _, server := range servers {
		err := server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close() // Shutdown waits up to 5 s for the first request of a new connection, so it can reach the deadline
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// publicHandler serves the page at /, and passes every other path to the API.
func (s *Server) publicHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.TLS != nil {
			w.Header()["Strict-Transport-Security"] = hsts
		}
		if s.Page != nil && r.URL.Path == "/" {
			s.Page.ServeHTTP(w, r)
			return
		}
		s.API.ServeHTTP(w, r)
	})
}

// hsts makes browsers use only TLS for a year (RFC 6797). It leaves out subdomains, which may be other servers.
var hsts = []string{"max-age=31536000"}

// readyTimeout limits how long a check of the database for /readyz may take.
const readyTimeout = 1500 * time.Millisecond

// adminHandler serves the paths of the admin listener: health checks, metrics, the admin API and the console.
func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.serveReady)
	if s.Metrics != nil {
		mux.Handle("GET /metrics", s.Metrics)
	}
	if s.AdminAPI != nil {
		mux.Handle("/admin/v1/", s.AdminAPI)
	}
	if s.Console != nil {
		mux.Handle("/{$}", s.Console)
		mux.Handle("/console/", s.Console)
	}
	return mux
}

func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	if s.API.stopping.Load() {
		writeText(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	// The check goes on if the client stops waiting, as probes do after a second. So the log has the reason of the database.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), readyTimeout)
	defer cancel()
	err := s.Ready(ctx)
	s.repeated.LogState(ctx, s.Log, loglimit.Event{Level: slog.LevelWarn, Message: "not ready"}, err)
	if err != nil {
		writeText(w, http.StatusServiceUnavailable, "the database cannot be used: "+err.Error())
		return
	}
	writeText(w, http.StatusOK, "ready")
}

func writeText(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = fmt.Fprintln(w, text) // an error means that the client has disconnected
}
