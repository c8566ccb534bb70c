package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	operators "github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/daemon/holderpage"
	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/tasks"
)

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
	_, err := f.page(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	return withName("--page-files", err)
}

// page returns the page for key holders, or nil if the page is off. If --page-color has too little contrast, page logs
// the shades that it uses instead.
func (f pageFlags) page(api http.Handler, log *slog.Logger) (http.Handler, error) {
	if f.Page == "off" {
		return nil, nil //nolint:nilnil // the flag turns the page off
	}
	if light, dark, err := holderpage.Accent(f.PageColor); err == nil && (light != f.PageColor || dark != f.PageColor) {
		log.Info("the page uses shades of --page-color with enough contrast", "color", f.PageColor, "light", light, "dark", dark)
	}
	o := holderpage.Options{Brand: f.Brand, Color: f.PageColor}
	if f.PageFiles != "" {
		if _, err := os.ReadDir(f.PageFiles); err != nil {
			return nil, err // os.DirFS does not report that the folder is missing
		}
		o.Files = os.DirFS(f.PageFiles)
	}
	return holderpage.New(api, o)
}

type limitFlags struct {
	MaxConnections int `default:"4096" validate:"min=0" placeholder:"N" help:"Limit of connections to each listener, at most a quarter of the files that the process may open. Over the limit, the connections that have been idle for longest are closed. 0: no limit."`
	MaxRequests    int `default:"1024" validate:"min=0" placeholder:"N" help:"Limit of simultaneous API requests. Over the limit, the response is 503. 0: no limit."`
}

// applyLimits sets the limits of a server. Connections are limited to a quarter of the files that the process may open.
func (f limitFlags) applyLimits(server *daemon.Server) {
	server.API.MaxInFlight, server.MaxConns = cmp.Or(f.MaxRequests, daemon.NoLimit), cmp.Or(f.MaxConnections, daemon.NoLimit)
	if limit := maxFiles() / 4; limit > 0 && server.MaxConns > 0 { // the remaining files are for databases, the provider and the other listener
		server.MaxConns = min(server.MaxConns, limit)
	}
}

// server builds the server: the API, the worker pool, the admin API and the page. It has no listeners yet.
func (s *serveCmd) server(engine tasks.Engine, store *bunstore.Store, m *metrics.Recorder, log *slog.Logger) (server *daemon.Server, err error) {
	pool := worker.New(engine)
	pool.Name = fmt.Sprintf("%s-%d-%s", hostname(), os.Getpid(), rand.Text()[:6]) // unique among the daemons
	pool.Workers, pool.Lease = s.Workers, s.Lease
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
	if server.Page, err = s.page(api, log); err != nil {
		return nil, err
	}
	s.applyLimits(server)
	api.UnknownKeyLimiter, err = s.unknownKeyLimiter(store)
	return server, err
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

// parsePrefixes parses addresses and networks. The caller has validated them.
func parsePrefixes(texts []string) (all []netip.Prefix) {
	for _, text := range texts {
		// Like the validation, ParseCIDR accepts 10.0.0.0/08. The text of the network ::ffff:10.0.0.0/104 is 10.0.0.0/8.
		if _, network, err := net.ParseCIDR(text); err == nil {
			all = append(all, netip.MustParsePrefix(network.String()))
		} else if a, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
		}
	}
	return all
}

func newMetrics(store *bunstore.Store, log *slog.Logger) *metrics.Recorder {
	m := metrics.New(strings.TrimPrefix(version(), "keyseatd "))
	for name, pool := range store.Pools() {
		m.WatchPool(name, pool)
	}
	m.Watch(store, log)
	return m
}

// deductExpired calls [bunstore.Store.DeductExpired] every minute until ctx ends. That method keeps the stored sums of
// free slots up to date when plans expire.
func deductExpired(ctx context.Context, store *bunstore.Store, log *slog.Logger) {
	for clock.Sleep(ctx, time.Minute) == nil {
		short, cancel := context.WithTimeout(ctx, time.Minute) // a broken connection may never answer
		err := store.DeductExpired(short)
		if cancel(); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "cannot deduct expired plans from the sums of their countries", "error", err)
		}
	}
}

// addAdminHandlers adds the admin API and the console to a server, if the flags name a token file. The admin API calls
// wake when an admin action makes a task due immediately.
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
