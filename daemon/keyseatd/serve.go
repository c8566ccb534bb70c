package main

import (
	"cmp"
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

// tuneGC makes garbage collection less frequent than Go's default. The daemon keeps little data and produces much
// garbage, so memory use stays small nevertheless. The variables GOGC and GOMEMLIMIT have precedence.
func tuneGC(env environment) {
	if env["GOGC"] == "" {
		debug.SetGCPercent(400)
	}
	if env["GOMEMLIMIT"] == "" {
		debug.SetMemoryLimit(128 << 20) // above this limit, Go collects as often as necessary
	}
}

// prepare checks the rules that concern more than one flag, and creates the connector. It does not access the database.
func (s *serveCmd) prepare(log *slog.Logger) (tasks.Connector, error) {
	if s.MasterKeyFile == "" && !strings.HasPrefix(s.Database, sqlitePrefix) {
		return nil, usageError{errors.New("--master-key-file is missing: make one with `keyseatd master-key add FILE`")}
	}
	_, usersErr := s.proxyUsers(s.TrustedProxies)
	_, endpointsErr := s.endpoints()
	err := cmp.Or(s.checkAdmin(s.AdminListen), usersErr, endpointsErr, s.checkTLSKey(), s.checkPlaintext(), s.checkPage())
	if err != nil {
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
	server, err := s.server(engine, store, m, log) //nolint:contextcheck // each request has its own context
	if err == nil {
		err = s.listen(ctx, server, log)
	}
	if err != nil {
		return err
	}
	m.WatchMasterKey(func() (time.Duration, bool) { return masterKeyAge(ring) }, s.KeyPeriod)
	rotation := s.newKeyRotation(store, ring, log)
	rotation.step(ctx) // records the key before this daemon encrypts with it
	go rotation.run(ctx)
	go deductExpired(ctx, store, log)
	go s.deleteOldActivity(ctx, store, log)
	s.reloadToken(connector)
	go reloadOn(ctx, hangups, s.reloads, log)
	return s.runWithWebhooks(ctx, server, store, engine, log)
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
		began <- now // after this send, the returned function logs "stopped"
	})
	return func(err error) {
		if err != nil {
			cancel()
			return
		}
		log.Info("stopped", "duration", time.Since(<-began).Round(time.Millisecond))
	}
}
