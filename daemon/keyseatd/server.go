package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/holderpage"
	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/tasks"
)

// server builds the server: the API, the worker pool, the admin API, the page and the listeners.
func (s *serveCmd) server(ctx context.Context, engine tasks.Engine, store *bunstore.Store, m *metrics.Recorder, log *slog.Logger) (server *daemon.Server, err error) {
	pool := worker.New(engine)
	pool.Name, pool.Workers, pool.Lease = workerName(), s.Workers, s.Lease
	pool.Log, pool.Observe = log, m.ObserveReport
	api := &daemon.API{
		Engine: engine, Proxies: parsePrefixes(s.TrustedProxies), PostOnly: s.NoGetSecrets,
		HTTPStatus: daemon.HTTPStatus(s.HTTPStatus),
		Log:        log, Observe: m.ObserveRequest, Wake: pool.Wake,
	}
	server = &daemon.Server{API: api, Pool: pool, Metrics: m.Handler(), Ready: store.Ping, Drain: s.Drain, Log: log}
	if err := s.addAdminHandlers(server, store, m, pool.Wake); err != nil { //nolint:contextcheck // each request has its own context
		return nil, err
	}
	if server.Page, err = s.pageHandler(api, log); err != nil {
		return nil, err
	}
	s.applyLimits(server)
	if api.UnknownKeyLimiter, err = s.unknownKeyLimiter(store); err != nil {
		return nil, err
	}
	return server, s.listen(ctx, server, log)
}

// unknownKeyLimiter returns the limiter of requests for unknown keys. Daemons with a PostgreSQL database share
// their counts.
func (s *serveCmd) unknownKeyLimiter(store *bunstore.Store) (*ratelimit.Limiter, error) {
	if s.UnknownKeyLimit == 0 {
		return daemon.NoUnknownKeyLimit, nil
	}
	limiter, err := ratelimit.New(s.UnknownKeyLimit, parsePrefixes(s.TrustedCallers), time.Now)
	if err == nil && !store.Embedded() {
		limiter.UseShared(store)
	}
	return limiter, err
}

// workerName returns a name of this process that is unique among the daemons.
func workerName() string {
	return fmt.Sprintf("%s-%d-%s", hostname(), os.Getpid(), rand.Text()[:6])
}

// parsePrefixes parses addresses and networks. The caller has validated them.
func parsePrefixes(texts []string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		if p, err := netip.ParsePrefix(text); err == nil {
			all = append(all, p.Masked())
		} else if a, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
		}
	}
	return all
}

// noStack is above every log level. It turns stack traces off, because errors are described in words and a
// stack trace does not help an operator.
const noStack = slog.Level(127)

// logFlags set the level and the format of the log. Package loglimit limits repeated lines.
type logFlags struct {
	LogLevel  string `default:"info" enum:"debug,info,warn,error" help:"Lowest level of logged lines: debug, info, warn or error."`
	LogFormat string `default:"console" enum:"console,json" help:"Format of the log: console or json."`
}

// logger returns a logger that writes to a stream.
func (f logFlags) logger(to io.Writer) *slog.Logger {
	level, err := zapcore.ParseLevel(f.LogLevel)
	if err != nil {
		level = zapcore.InfoLevel // unreachable: the flag has been validated
	}
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime = zapcore.RFC3339TimeEncoder
	config.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(config)
	if f.LogFormat == "console" {
		config.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(config)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(to)), level)
	return slog.New(zapslog.NewHandler(core, zapslog.AddStacktraceAt(noStack)))
}

// newMetrics returns the metrics of a daemon that serves store.
func newMetrics(store *bunstore.Store, log *slog.Logger) *metrics.Recorder {
	m := metrics.New(strings.TrimPrefix(version(), "keyseatd "))
	for name, pool := range store.Pools() {
		m.WatchPool(name, pool)
	}
	m.Watch(store, log)
	return m
}

// deductExpired deducts expired plans from the stored sums of their countries every minute, until ctx ends.
func deductExpired(ctx context.Context, store *bunstore.Store, log *slog.Logger) {
	for clock.Sleep(ctx, time.Minute) == nil {
		if err := store.DeductExpired(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "cannot deduct expired plans from the sums of their countries", "error", err)
		}
	}
}

// pageFlags turn the page for key holders on or off, and set its look.
type pageFlags struct {
	Page      string `default:"on" enum:"on,off" placeholder:"on|off" help:"Serve a page for key holders at /, next to the API: on or off."`
	PageFiles string `placeholder:"FOLDER" help:"Folder with texts and styles that replace those of the page. For a file that it lacks, the page uses its own."`
	PageColor string `placeholder:"#RRGGBB" help:"Color of the page's buttons and links. The page darkens or lightens it where text would have a contrast below 4.5:1."`
	Brand     string `validate:"omitempty,text" placeholder:"NAME" help:"Name of the shop, in the page's header and title."`
}

// checkPage reads the page's files once, so that an error in them is found before the database is opened.
func (f pageFlags) checkPage() error {
	if f.Page == "off" {
		return nil
	}
	if f.PageColor != "" {
		if _, _, err := holderpage.Accent(f.PageColor); err != nil {
			return usageError{withName("--page-color", err)}
		}
	}
	_, err := f.page(http.NotFoundHandler())
	return withName("--page-files", err)
}

// pageHandler returns the page for key holders, or nil if the page is off. It logs the shades of a color that
// lacks contrast.
func (f pageFlags) pageHandler(api http.Handler, log *slog.Logger) (http.Handler, error) {
	if f.Page == "off" {
		return nil, nil //nolint:nilnil // the flag turns the page off
	}
	if light, dark, err := holderpage.Accent(f.PageColor); err == nil && (light != f.PageColor || dark != f.PageColor) {
		log.Info("the page uses shades of --page-color with enough contrast", "color", f.PageColor, "light", light, "dark", dark)
	}
	return f.page(api)
}

// page returns the page for key holders.
func (f pageFlags) page(api http.Handler) (*holderpage.Page, error) {
	o := holderpage.Options{Brand: f.Brand, Color: f.PageColor}
	if f.PageFiles != "" {
		if _, err := os.ReadDir(f.PageFiles); err != nil {
			return nil, err // os.DirFS would have no files
		}
		o.Files = os.DirFS(f.PageFiles)
	}
	return holderpage.New(api, o)
}
