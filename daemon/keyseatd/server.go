package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	operators "github.com/keyseat/keyseat/daemon/console"
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

// addAdminHandlers adds the admin API and the console to a server, if the flags name a token file. The
// admin API calls wake when an admin action makes a task due now.
func (s *serveCmd) addAdminHandlers(server *daemon.Server, store *bunstore.Store, m *metrics.Recorder, wake func()) (err error) {
	if s.AdminTokenFile == "" {
		return nil
	}
	tokens, engine, proxies := admin.TokenFile(s.AdminTokenFile), server.API.Engine, parsePrefixes(s.TrustedProxies)
	server.AdminAPI = &admin.API{Engine: engine, AdminStore: store, Activity: store, Tokens: tokens, Wake: wake, Proxies: proxies, Log: server.Log}
	users, err := s.proxyUsers(s.TrustedProxies)
	if err != nil {
		return err
	}
	low, err := s.lowStock()
	if err != nil {
		return err
	}
	server.Console = operators.New(operators.Options{
		API: server.AdminAPI, Tokens: tokens, Engine: engine, AdminStore: store, Activity: store, TaskStats: store,
		ConnectorStats: m.ConnectorStats, Simulated: s.isSimulator(), LowStock: low, Proxies: proxies,
		ProxyUsers: users, SignInLink: s.signInLink, Log: server.Log,
	})
	return nil
}

// reloadToken adds the connector's token to the reloads, if the token is from a file.
func (s *serveCmd) reloadToken(connector tasks.Connector) {
	c, is := connector.(*httpconnector.Connector)
	if !is || s.ConnectorTokenFile == "" {
		return
	}
	s.reloads = append(s.reloads, reload{"--connector-token-file", func() error {
		token, err := readToken(s.ConnectorTokenFile)
		if err == nil {
			err = withName(s.ConnectorTokenFile, c.SetToken(token))
		}
		return err
	}})
}
