package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/keyseat/keyseat/adapters/batchstore"
	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/faultinject"
	"github.com/keyseat/keyseat/tasks"
)

// serveCmd is the command keyseatd serve: the daemon.
type serveCmd struct {
	databaseFlag `group:"Database:"`

	Listen      string `group:"Most used:" default:"127.0.0.1:8080" validate:"listen" placeholder:"HOST:PORT" help:"Address of the API and the page."`
	AdminListen string `group:"Listeners:" default:"127.0.0.1:8081" empty:"nowhere" validate:"omitempty,listen" placeholder:"HOST:PORT" help:"Address of the console, the admin API, health checks and metrics. Empty: none."`
	TLSCert     string `group:"Listeners:" name:"tls-cert" validate:"required_with=TLSKey" placeholder:"FILE" help:"Certificate chain of the API, in PEM. SIGHUP reads it and the key again."`
	TLSKey      string `group:"Listeners:" name:"tls-key" validate:"required_with=TLSCert" placeholder:"FILE" help:"Key of the certificate, in PEM."`

	Plaintext bool `group:"Listeners:" help:"Allow requests without TLS from other machines."`

	pageFlags `group:"Page:"`

	connectorFlags `group:"Connector:"`

	Workers      int           `group:"Tasks:" default:"64" validate:"min=1,max=10000" placeholder:"N" help:"Limit of simultaneous calls of the provider."`
	TaskAttempts int           `group:"Tasks:" default:"8" validate:"min=1,max=1000" placeholder:"N" help:"Limit of failed attempts per plan."`
	TaskBackoff  time.Duration `group:"Tasks:" default:"2s" validate:"min=1ms,max=2m" placeholder:"2s" help:"First pause between attempts. It doubles up to 2m."`
	TaskDeadline time.Duration `group:"Tasks:" default:"15m" validate:"min=1ms" placeholder:"15m" help:"Time after the first attempt until which a provider may leave a task pending."`
	Lease        time.Duration `group:"Tasks:" default:"60s" validate:"min=100ms,max=1h" placeholder:"60s" help:"Time after which another daemon takes over the tasks of a daemon that died."`
	Drain        time.Duration `group:"Tasks:" default:"25s" validate:"min=1ms,max=1h" placeholder:"25s" help:"Time limit of a stop."`

	MasterKeyFile string        `group:"Most used:" placeholder:"FILE" help:"Keys that encrypt secrets. By default a file next to an SQLite database, created if missing."`
	KeyPeriod     time.Duration `group:"Secrets:" default:"24h" validate:"min=0" placeholder:"24h" help:"Age at which the first master key gets a successor. Older keys that no open task needs are destroyed. 0: never."`

	adminFlags `group:"Most used:"`

	UnknownKeyLimit int      `group:"Limits:" default:"30" validate:"min=0,max=1000000" placeholder:"N" help:"Limit of unknown keys per minute and address. Larger IPv6 networks, and all clients together, have a multiple. 0: no limit."`
	TrustedCallers  textList `group:"Limits:" validate:"dive,ip|cidr" placeholder:"ADDR,…" help:"Addresses and networks whose unknown keys are not counted."`
	KeyTaskLimit    int      `group:"Limits:" default:"20" validate:"min=0,max=1000000" placeholder:"N" help:"Limit of tasks per hour and key. 0: no limit, also on tests of logins."`
	TrustedProxies  textList `group:"Listeners:" validate:"dive,ip|cidr" placeholder:"ADDR,…" help:"Proxies whose X-Forwarded-For is trusted."`
	NoGetSecrets    bool     `group:"API:" help:"Accept upgrade and renew by POST only, with secrets in the body."`
	HTTPStatus      string   `group:"API:" name:"http-status" default:"real" enum:"real,documented" placeholder:"real|documented" help:"HTTP statuses of the API: real, or documented for clients that accept only 200: everything below /API/ has the status 200."`

	limitFlags `group:"Limits:"`

	webhookFlags `group:"Webhooks:"`

	ActivityDays int `group:"Log:" default:"365" validate:"min=0,max=36500" placeholder:"DAYS" help:"Age at which the entries of keyseatd activity are deleted. 0: never."`

	logFlags `group:"Log:"`

	reloads []reload `kong:"-"`
}

// Help explains the environment variables and shows examples.
func (*serveCmd) Help() string {
	return examples("Each of these flags has an environment variable: --master-key-file is KEYSEAT_MASTER_KEY_FILE.",
		"keyseatd serve --connector sim",
		"keyseatd serve --connector https://connector.example",
		"keyseatd serve --connector sim --workers 8 --log-format json",
		"keyseatd serve --connector sim --brand 'Seat Shop' --page-color '#0a6a5d'")
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
	hangups, stop := catchHangups()
	defer stop()
	logStopped := logStop(ctx, log)
	options := bunstore.Options{Dedicated: true, Conns: s.DatabaseConns}
	err = s.openWith(ctx, options, func(store *bunstore.Store) error { return s.serve(ctx, store, connector, hangups, log) })
	logStopped(err)
	return err
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
	if _, err := s.proxyUsers(s.TrustedProxies); err != nil {
		return nil, err
	}
	if err := s.checkWebhooks(); err != nil {
		return nil, err
	}
	if err := s.checkTLSKey(); err != nil {
		return nil, err
	}
	if err := s.checkPlaintext(); err != nil {
		return nil, err
	}
	if err := s.checkPage(); err != nil {
		return nil, err
	}
	return s.connector(s.noProxy(), log)
}

// serve runs a daemon on an open store until ctx ends. It calls the connector for the tasks.
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
	logTransport(ctx, store, log)
	ring, err := s.ring(ctx, store, log)
	if err != nil {
		return err
	}
	m := newMetrics(store, log)
	shared := batchstore.New(faultinject.Store(ctx, m.Store(store)), batchstore.Options{Observe: m.ObserveBatch, RetryReads: store.Distributed()})
	engine := daemon.NewEngine(shared, faultinject.Connector(ctx, m.Connector(connector)), ring, s.rules())
	engine.Now = faultinject.Now
	engine.Logins = store
	if !store.Embedded() {
		engine.Logins = batchstore.NewLoginCounter(store, batchstore.Options{})
	}
	if engine.Fingerprints, err = store.FingerprintKey(ctx, daemon.NewFingerprintKey()); err != nil {
		return err
	}
	server, err := s.server(ctx, engine, store, m, log)
	if err != nil {
		return err
	}
	m.WatchMasterKey(func() (time.Duration, bool) { return masterKeyAge(ring) }, s.KeyPeriod)
	rotation := s.newKeyRotation(store, ring, log)
	rotation.step(ctx) // before this daemon seals something
	go rotation.run(ctx)
	go deductExpired(ctx, store, log)
	go s.deleteOldActivity(ctx, store, log)
	s.reloadToken(connector)
	go reloadOn(ctx, hangups, s.reloads, log)
	return s.runWithWebhooks(ctx, server, store, engine, log)
}

// rules returns the rules of tasks that the flags set.
func (s *serveCmd) rules() tasks.Rules {
	r := tasks.DefaultRules()
	r.Attempts, r.Backoff, r.Deadline, r.KeyTasks = s.TaskAttempts, s.TaskBackoff, s.TaskDeadline, s.KeyTaskLimit
	return r
}

// A reload is a setting whose file a daemon reads again on SIGHUP. If read fails, the old value stays.
type reload struct {
	flag string
	read func() error
}

// runToHangup runs a command. When the terminal closes (SIGHUP), the command ends as with Ctrl-C, unless
// nohup started it. A daemon handles SIGHUP itself.
func runToHangup(ctx context.Context, cmd command, c stdio) error {
	if _, is := cmd.(*serveCmd); !is && !signal.Ignored(syscall.SIGHUP) {
		var stop func()
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	err := cmd.Run(ctx, c)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	return err
}

// catchHangups returns a channel of the SIGHUP signals that this process receives from now on. Until stop
// is called, SIGHUP does not end the process.
//
// It also ignores SIGPIPE. Therefore a broken pipe of standard output or error does not end the process,
// but later log lines are lost.
func catchHangups() (hangups <-chan os.Signal, stop func()) {
	ignoreSIGPIPE()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// reloadOn reads all files again on each signal. It returns when ctx ends.
func reloadOn(ctx context.Context, hangups <-chan os.Signal, all []reload, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		flags := []string{}
		for _, r := range all {
			if err := r.read(); err != nil {
				log.Error("SIGHUP: cannot read a file again, the old value stays", "flag", r.flag, "error", err)
				continue
			}
			flags = append(flags, r.flag)
		}
		log.Info("SIGHUP: read files again", "flags", flags)
	}
}

// logStop logs "stopping" when ctx ends. The returned function logs "stopped" as the last line, unless the
// daemon has failed with an error. Without an error it blocks until ctx has ended.
func logStop(ctx context.Context, log *slog.Logger) (logStopped func(err error)) {
	began := make(chan time.Time, 1)
	cancel := context.AfterFunc(ctx, func() {
		now := time.Now()
		log.Info("stopping")
		began <- now // only now may "stopped" be logged
	})
	return func(err error) {
		if err != nil {
			cancel()
			return
		}
		log.Info("stopped", "duration", time.Since(<-began).Round(time.Millisecond))
	}
}
