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

	"github.com/keyseat/keyseat/daemon/loglimit"
)

// A Server runs an API and a crew on listeners of its own, and stops them in order. Its fields are set
// before Run, which is called once; those without a remark are needed.
type Server struct {
	API      *API
	Page     http.Handler // at / of the public listener; nil: none
	Crew     *Crew
	Public   net.Listener
	Admin    net.Listener                // nil: none
	Metrics  http.Handler                // of /metrics; nil: none
	AdminAPI http.Handler                // of /admin/v1/ on the admin listener; nil: none
	Console  http.Handler                // of / and /console/ on the admin listener; nil: none
	Ready    func(context.Context) error // why a request could not be served, for /readyz; needed with Admin
	TLS      *tls.Config                 // of the public listener; nil: plain HTTP
	Drain    time.Duration               // how long a stop waits for what was sent; some seconds more are for closing
	MaxConns int                         // connections of each listener; past it those go that keep us waiting longest; 0: DefaultConnections; NoLimit: off
	Log      *slog.Logger

	repeated loglimit.Limiter // the lines on what load balancers see, and on listeners
}

// The bounds of a connection. Answers are small and quick: who needs longer is broken or means harm.
const (
	headerTime  = 5 * time.Second
	readTime    = 10 * time.Second
	writeTime   = 15 * time.Second
	idleTime    = 2 * time.Minute
	headerBytes = 2 * maxSize // of the URL and the headers together; the API looks at each
)

// streams bounds HTTP/2, which is spoken over TLS only: what a connection may ask at once, and what it
// may send ahead, in bytes.
var streams = http.HTTP2Config{
	MaxConcurrentStreams:          32,
	MaxDecoderHeaderTableSize:     4 << 10,
	MaxReadFrameSize:              maxSize,
	MaxReceiveBufferPerConnection: 64 << 10,
	MaxReceiveBufferPerStream:     maxSize,
	SendPingTimeout:               30 * time.Second,
	PingTimeout:                   headerTime,
	WriteByteTimeout:              headerTime,
}

// Run serves until the context ends, and then drains: it is not ready, refuses new requests, waits
// for what was sent to the provider, and closes. The error is nil if nothing was left behind.
func (s *Server) Run(ctx context.Context) error {
	public, admin := s.server(s.front()), s.server(s.admin())
	public.TLSConfig = s.TLS
	failed := make(chan error, 2)
	go func() { failed <- serve(public, s.public()) }()
	if s.Admin != nil {
		go func() { failed <- serve(admin, s.Admin) }()
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
	if s.API.Strangers != nil {
		go s.API.Strangers.Attend(working, s.Log)
	}
	err := s.Crew.Run(working, s.Drain)
	if ctx.Err() == nil {
		err = errors.Join(context.Cause(working), err)
	}
	err = errors.Join(err, s.close(context.WithoutCancel(ctx), public, admin))
	for _, lines := range []*loglimit.Limiter{&s.API.refused, &s.API.failed, &s.Crew.repeated, &s.repeated} {
		lines.Flush(context.WithoutCancel(ctx))
	}
	return err
}

// public is the listener of the API, which answers in JSON whatever comes. Under TLS net/http has the
// last word on what it cannot parse.
func (s *Server) public() net.Listener {
	if s.TLS != nil {
		return s.Public
	}
	return unparsed{s.Public, s.API.HTTPStatus}
}

func serve(server *http.Server, on net.Listener) error {
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

func (s *Server) server(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true) // and not unencrypted
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		Protocols:         protocols,
		HTTP2:             &streams,
		// OPTIONS * is refused like any other path that is not there.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(errorLog{s}, "", 0),
	}
	newCrowd(max(0, cmp.Or(s.MaxConns, DefaultConnections))).watch(server)
	return server
}

// An errorLog takes what net/http says of connections. Clients cause most of it, such as a broken TLS
// handshake, so it is logged at debug. A connection that cannot be accepted is the fault of this machine.
type errorLog struct{ *Server }

func (l errorLog) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	if !strings.HasPrefix(text, "http: Accept error: ") {
		l.Log.Debug(text)
		return len(p), nil
	}
	const message = "cannot accept connections"
	l.repeated.Log(context.Background(), l.Log, loglimit.Event{
		Subject: message, Level: slog.LevelError, Message: message, Attrs: []slog.Attr{slog.String("error", text)},
	})
	return len(p), nil
}

// closing bounds how long answers that are under way may take once the crew has drained.
const closing = 5 * time.Second

func (*Server) close(ctx context.Context, servers ...*http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	var errs []error
	for _, server := range servers {
		err := server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close() // a connection on which nothing was ever asked counts as busy for so long
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// front serves the page at the root, and leaves every other path to the API.
func (s *Server) front() http.Handler {
	if s.Page == nil {
		return s.API
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			s.Page.ServeHTTP(w, r)
			return
		}
		s.API.ServeHTTP(w, r)
	})
}

// readyTime bounds how long a look at the database may take.
const readyTime = 1500 * time.Millisecond

// admin serves what is for operators: whether the daemon lives, whether it can work, its metrics.
func (s *Server) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
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

const notReady = "not ready"

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if s.API.stopping.Load() {
		plain(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		s.repeated.Log(ctx, s.Log, loglimit.Event{
			Subject: notReady, Level: slog.LevelWarn, Message: notReady, Attrs: []slog.Attr{slog.String("error", err.Error())},
		})
		plain(w, http.StatusServiceUnavailable, "the database cannot be used: "+err.Error())
		return
	}
	s.repeated.Recovered(ctx, notReady)
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = fmt.Fprintln(w, text) // a client that has left is no concern
}
