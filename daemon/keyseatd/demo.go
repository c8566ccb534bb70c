package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
)

// demoCmd runs a complete daemon in one process. It deletes its database at the end.
type demoCmd struct {
	SimDelay time.Duration `default:"3s" validate:"min=0" placeholder:"3s" help:"How long the simulated provider takes."`
	LogLevel string        `default:"warn" enum:"debug,info,warn,error" help:"What is logged: debug, info, warn or error."`
}

func (d *demoCmd) Run(ctx context.Context, c stdio) (err error) {
	ignoreSIGPIPE() // so that the folder is removed after `keyseatd demo | head`
	folder, err := os.MkdirTemp("", "keyseat-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	s := d.settings(folder)
	if s.Listen, err = freeListen(ctx, "127.0.0.1:8080"); err != nil {
		return err
	}
	if s.AdminListen, err = freeListen(ctx, "127.0.0.1:8081"); err != nil {
		return err
	}
	if _, err := keyring.Add(s.MasterKeyFile); err != nil {
		return err
	}
	token := tokenPrefix + rand.Text()
	if err := admin.TokenFile(s.AdminTokenFile).Add(admin.NewToken("demo", admin.Write, token)); err != nil {
		return err
	}
	clock := new(demoClock)
	options := bunstore.Options{Dedicated: true, Conns: s.DatabaseConns, Now: clock.Now}
	return s.openWith(ctx, options, func(store *bunstore.Store) error { return d.serve(ctx, c, s, store, clock, token) })
}

func (d *demoCmd) serve(ctx context.Context, c stdio, s *serveCmd, store *bunstore.Store, clock *demoClock, token string) error {
	log := s.logger(c.err)
	ring, err := s.ring(ctx, store, log)
	if err != nil {
		return err
	}
	past := daemon.NewEngine(store, demoConnector{simulator.Connector{}, clock}, ring, s.rules())
	past.Now = clock.Now
	shown, err := seed(ctx, store, past, clock)
	if err != nil {
		return err
	}
	engine := daemon.NewEngine(store, demoConnector{simulator.Connector{Delay: d.SimDelay}, nil}, ring, s.rules())
	engine.Fingerprints = daemon.NewFingerprintKey()
	server, err := s.server(engine, store, newMetrics(store, log), log) //nolint:contextcheck // each request has its own context
	if err == nil {
		err = s.listen(ctx, server, log)
	}
	if err != nil {
		return err
	}
	console := "http://" + server.Admin.Addr().String() + "/console/signin#token=" + token
	if err := printDemo(c, "http://"+server.Public.Addr().String()+"/", console, shown); err != nil {
		return err
	}
	return server.Run(ctx)
}

// settings returns the settings of a demo daemon. All its files are in the folder. The caller sets the addresses of the
// listeners.
func (d *demoCmd) settings(folder string) *serveCmd {
	s := &serveCmd{
		Workers: 64, TaskAttempts: 8, TaskBackoff: 2 * time.Second, TaskDeadline: 15 * time.Minute,
		Lease: time.Minute, Drain: 25 * time.Second, UnknownKeyLimit: 30, KeyTaskLimit: 20,
		MasterKeyFile: filepath.Join(folder, "master-key"),
		adminFlags:    adminFlags{AdminTokenFile: filepath.Join(folder, "admin-tokens"), signInLink: true},
		limitFlags:    limitFlags{MaxConnections: 4096, MaxRequests: 1024},
		logFlags:      logFlags{LogLevel: d.LogLevel, LogFormat: "console"},
	}
	s.Database, s.Connector = "sqlite:"+filepath.Join(folder, "keyseat.db"), "sim"
	return s
}

// freeListen returns the address unchanged if it is free. If the address is in use, freeListen returns an address with
// port 0, which stands for any free port.
func freeListen(ctx context.Context, address string) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return "127.0.0.1:0", nil
	}
	if err != nil {
		return "", err
	}
	return address, l.Close()
}

// printDemo prints addresses to open, the sample keys and commands to try.
func printDemo(c stdio, site, console string, list []demoKey) error {
	var b bytes.Buffer
	fmt.Fprint(&b, "keyseat is serving a demo. Ctrl-C ends it, and nothing is kept.\n\n")
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "  Page for customers\t%s\n  Console for the shop\t%s\n  API\t%sAPI/\n", site, console, site)
	_ = table.Flush() // writing to a buffer does not fail
	fmt.Fprint(&b, "\nKeys to try:\n\n")
	for _, s := range list {
		_, _ = fmt.Fprintf(table, "  %s\t%s\n", s.code, s.description)
	}
	_ = table.Flush() // writing to a buffer does not fail
	fresh, used := list[0].code, list[2].code
	fmt.Fprintf(&b, `
Calls to try:

  curl '%[1]s?stock'
  curl '%[1]s?info=%[2]s'
  curl -d upgrade=%[2]s -d login=someone@example.com --data-urlencode 'pwd=a password' -d country=US '%[1]s'
  curl -d renew=%[3]s -d login=someone@example.com --data-urlencode 'pwd=a long password!' -d country=US '%[1]s'

The provider is simulated. The part of the login before the @ names the outcome of a task:
account_locked@example.com, already_premium@example.com, and so on. Any other login succeeds.
`, site+"API/", fresh, used)
	_, err := c.out.Write(b.Bytes())
	return err
}
