package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/batchstore"
	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/tasks"
)

// serveCmd is the command keyseatd serve: the daemon.
type serveCmd struct {
	databaseFlag

	Listen      string `default:"127.0.0.1:8080" validate:"listen" placeholder:"HOST:PORT" help:"Where the API is served."`
	AdminListen string `default:"127.0.0.1:8081" empty:"nowhere" validate:"omitempty,listen" placeholder:"HOST:PORT" help:"Where health, metrics and the admin API are served, empty for nowhere."`
	TLSCert     string `name:"tls-cert" validate:"required_with=TLSKey" placeholder:"FILE" help:"Certificate chain of the API, in PEM. SIGHUP reads it and the key again."`
	TLSKey      string `name:"tls-key" validate:"required_with=TLSCert" placeholder:"FILE" help:"Key of the certificate, in PEM."`

	pageFlag

	connectorFlags

	Workers      int           `default:"64" validate:"min=1,max=10000" placeholder:"N" help:"Tasks that the provider is asked about at once."`
	TaskAttempts int           `default:"8" validate:"min=1,max=1000" placeholder:"N" help:"Attempts that may fail, per plan."`
	TaskBackoff  time.Duration `default:"2s" validate:"min=1ms,max=2m" placeholder:"2s" help:"First pause between attempts, it doubles to at most 2m."`
	TaskDeadline time.Duration `default:"15m" validate:"min=1ms" placeholder:"15m" help:"How long after the first attempt a provider may still be at work."`
	Lease        time.Duration `default:"60s" validate:"min=100ms,max=1h" placeholder:"60s" help:"How long a task of a daemon that died waits for another."`
	Drain        time.Duration `default:"25s" validate:"min=1ms,max=1h" placeholder:"25s" help:"How long a stop may take."`

	MasterKeyFile string `placeholder:"FILE" help:"Keys that encrypt what is secret. Made beside an SQLite database if not given."`

	adminFlags

	UnknownKeyLimit int      `default:"30" validate:"min=0" placeholder:"N" help:"Unknown keys per minute and address, 0 is off."`
	TrustedCallers  textList `validate:"dive,ip|cidr" placeholder:"ADDR,…" help:"Addresses and networks whose unknown keys are not counted."`
	KeyTaskLimit    int      `default:"20" validate:"min=0,max=1000000" placeholder:"N" help:"Tasks per hour and key, 0 is off."`
	TrustedProxies  textList `validate:"dive,ip|cidr" placeholder:"ADDR,…" help:"Proxies whose X-Forwarded-For is believed."`
	NoGetSecrets    bool     `help:"Take upgrade and renew by POST only, with secrets in the body."`
	HTTPStatus      string   `name:"http-status" default:"real" enum:"real,documented" placeholder:"real|documented" help:"HTTP statuses of the API: real, or documented, which answers everything below /API/ with 200 for clients that know no other status."`

	limitFlags

	webhookFlags

	logFlags

	reloads []reload `kong:"-"`
}

// Help explains the environment variables and shows examples.
func (*serveCmd) Help() string {
	return examples("Each of these flags has an environment variable: --master-key-file is KEYSEAT_MASTER_KEY_FILE.",
		"keyseatd serve --connector sim",
		"keyseatd serve --connector https://connector.example",
		"keyseatd serve --connector sim --workers 8 --log-format json")
}

// Run serves until a signal arrives.
func (s *serveCmd) Run(ctx context.Context, c stdio) error {
	log := s.logger(c.err)
	connector, err := s.prepare(log)
	if err != nil {
		return err
	}
	if err := s.preflight(ctx); err != nil {
		return err
	}
	tuneGC(c.env)
	hangups, uncatch := catchHangups()
	defer uncatch()
	stopped := logStop(ctx, log)
	err = s.withStore(ctx, func(store *bunstore.Store) error { return s.serve(ctx, store, connector, hangups, log) })
	if err == nil {
		stopped()
	}
	return err
}

// withStore opens the database with the connections of a daemon.
func (s *serveCmd) withStore(ctx context.Context, do func(s *bunstore.Store) error) error {
	return s.with(ctx, bunstore.Options{Dedicated: true, Conns: s.DatabaseConns}, do)
}

// tuneGC makes garbage collection less frequent than Go's default. The daemon keeps little data and
// produces much garbage, so memory use stays small nevertheless. The variables GOGC and GOMEMLIMIT
// override it.
func tuneGC(env environment) {
	if env["GOGC"] == "" {
		debug.SetGCPercent(400)
	}
	if env["GOMEMLIMIT"] == "" {
		debug.SetMemoryLimit(128 << 20) // above this limit, Go collects as often as necessary
	}
}

// prepare checks rules across several flags and creates the connector. It does not access the database.
func (s *serveCmd) prepare(log *slog.Logger) (tasks.Connector, error) {
	if s.MasterKeyFile == "" && !strings.HasPrefix(s.Database, sqlitePrefix) {
		return nil, usageError{errors.New("--master-key-file is missing: make one with `keyseatd master-key add FILE`")}
	}
	if err := s.checkAdmin(s.AdminListen); err != nil {
		return nil, err
	}
	if err := s.checkWebhooks(); err != nil {
		return nil, err
	}
	if err := s.checkTLSKey(); err != nil {
		return nil, err
	}
	return s.connector(s.noProxy(), log)
}

func (s *serveCmd) serve(ctx context.Context, store *bunstore.Store, connector tasks.Connector, hangups <-chan os.Signal, log *slog.Logger) (err error) {
	release, err := store.AcquireServeLock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if !store.Embedded() {
		log.InfoContext(ctx, "connected to PostgreSQL", "pooler", store.Pooler(), "connections", s.DatabaseConns)
	}
	logDurability(ctx, store, log)
	ring, err := s.ring(ctx, store, log)
	if err != nil {
		return err
	}
	m := newMetrics(store, log)
	shared := batchstore.New(trapStore(ctx, m.Store(store)), batchstore.Options{Observe: m.ObserveBatch})
	engine := daemon.NewEngine(shared, trapConnector(ctx, m.Connector(connector)), ring, s.rules())
	engine.Now = clock
	server, err := s.server(ctx, engine, store, m, log)
	if err != nil {
		return err
	}
	s.reloadToken(connector)
	go reloadOn(ctx, hangups, s.reloads, log)
	return s.runWithWebhooks(ctx, server, store, engine, log)
}

// openStore opens a database and migrates its schema. If the tables turn out to be distributed, it opens
// the database again as a distributed one. Therefore the flag is not required.
func openStore(ctx context.Context, url string, o bunstore.Options) (*bunstore.Store, error) {
	o.Now = clock
	store, err := bunstore.Open(ctx, url, o)
	if err != nil {
		return nil, err
	}
	switch err := store.Migrate(ctx); {
	case err == nil:
		return store, nil
	case errors.Is(err, bunstore.ErrDistributed):
		_ = store.Close() //nolint:contextcheck // closing must not be cut short; nothing was written
		o.Distributed = true
		return openStore(ctx, url, o)
	default:
		return nil, errors.Join(err, store.Close()) //nolint:contextcheck // closing must not be cut short
	}
}

func (s *serveCmd) rules() tasks.Rules {
	r := tasks.DefaultRules()
	r.Attempts, r.Backoff, r.Deadline, r.KeyTasks = s.TaskAttempts, s.TaskBackoff, s.TaskDeadline, s.KeyTaskLimit
	return r
}

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
	if err := s.addAdminHandlers(server, store, m, pool.Wake); err != nil {
		return nil, err
	}
	if server.Page, err = s.handler(api); err != nil {
		return nil, err
	}
	s.apply(server)
	api.UnknownKeyLimiter = daemon.NoUnknownKeyLimit
	if s.UnknownKeyLimit > 0 {
		limiter, err := ratelimit.New(s.UnknownKeyLimit, parsePrefixes(s.TrustedCallers), time.Now)
		if err != nil {
			return nil, err
		}
		if !store.Embedded() {
			limiter.UseShared(store)
		}
		api.UnknownKeyLimiter = limiter
	}
	return server, s.listen(ctx, server, log)
}

// listen opens the listeners. It runs last, because a daemon must not accept a connection that it cannot
// serve.
func (s *serveCmd) listen(ctx context.Context, server *daemon.Server, log *slog.Logger) (err error) {
	cert, err := s.certificate()
	if err != nil {
		return err
	}
	if cert != nil {
		server.TLS = cert.config()
		s.reloads = append(s.reloads, reload{"--tls-cert", cert.read})
	}
	if server.Public, server.Admin, err = s.listeners(ctx); err != nil {
		return err
	}
	admin := "off"
	if server.Admin != nil {
		admin = server.Admin.Addr().String()
	}
	log.Info("serving", "listen", server.Public.Addr().String(), "admin", admin, "tls", server.TLS != nil)
	return nil
}

// workerName returns a name of this process that is unique among the daemons.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:6])
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
