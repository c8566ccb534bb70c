package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// demoCmd runs a complete daemon in one process. It deletes its database at the end.
type demoCmd struct {
	SimDelay time.Duration `default:"3s" validate:"min=0" placeholder:"3s" help:"How long the simulated provider takes."`
	LogLevel string        `default:"warn" enum:"debug,info,warn,error" help:"What is logged: debug, info, warn or error."`
}

// Help shows examples.
func (*demoCmd) Help() string {
	return examples("",
		"keyseatd demo",
		"keyseatd demo --sim-delay 30s")
}

// Run serves a demo shop with sample data until a signal arrives.
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
	if _, err := keyring.Add(s.MasterKeyFile); err != nil {
		return err
	}
	return s.withStore(ctx, func(store *bunstore.Store) error { return d.serve(ctx, c, s, store) })
}

func (d *demoCmd) serve(ctx context.Context, c stdio, s *serveCmd, store *bunstore.Store) error {
	log := s.logger(c.err)
	ring, err := s.ring(ctx, store, log)
	if err != nil {
		return err
	}
	engine := daemon.NewEngine(store, neverEnding{simulator.Connector{Delay: d.SimDelay}}, ring, s.rules())
	shown, err := seed(ctx, store, engine)
	if err != nil {
		return err
	}
	server, err := s.server(ctx, engine, store, newMetrics(store, log), log)
	if err != nil {
		return err
	}
	if err := printDemo(c, "http://"+server.Public.Addr().String()+"/API/", shown); err != nil {
		return err
	}
	return server.Run(ctx)
}

// settings returns the settings of a demo daemon. All its files are in folder. It has no admin listener, and
// Run gives it a loopback address.
func (d *demoCmd) settings(folder string) *serveCmd {
	s := &serveCmd{
		Workers: 64, TaskAttempts: 8, TaskBackoff: 2 * time.Second, TaskDeadline: 15 * time.Minute,
		Lease: time.Minute, Drain: 25 * time.Second, UnknownKeyLimit: 30, KeyTaskLimit: 20,
		MasterKeyFile: filepath.Join(folder, "master-key"),
		limitFlags:    limitFlags{MaxConnections: 4096, MaxRequests: 1024},
		logFlags:      logFlags{LogLevel: d.LogLevel, LogFormat: "console"},
	}
	s.Database = "sqlite:" + filepath.Join(folder, "keyseat.db")
	return s
}

// freeListen returns address if it can be listened on. If the address is in use, it returns one with a
// free port instead.
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

// neverEnding is a simulator that never finishes the task of one account. Therefore the demo has a key in
// the queue.
type neverEnding struct{ tasks.Connector }

const neverEndingLogin = "pending@example.com"

func (l neverEnding) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	if o.Account.Login.Reveal() == neverEndingLogin {
		return tasks.ConnectorResult{Effect: tasks.Pending, RetryAfter: time.Minute, Note: "still at work"}
	}
	return l.Connector.Do(ctx, o)
}

// A demoKey is a sample key of the demo with a description.
type demoKey struct {
	code        keys.Code
	description string
}

// seed fills the store with sample data: plans in several countries, and a key in every state. It
// returns the keys for the user to try.
func seed(ctx context.Context, store *bunstore.Store, engine tasks.Engine) ([]demoKey, error) {
	if err := store.EditPlans(ctx, demoPlans()); err != nil {
		return nil, err
	}
	all, list := demoKeys()
	err := store.ImportKeys(ctx, adminstore.ImportBatch{ID: engine.NewID(), Type: tasks.EventImported, Note: "demo"}, seq.All(all))
	if err != nil {
		return nil, err
	}
	return list, engine.Accept(ctx, tasks.Request{
		Kind: tasks.Upgrade, Code: list[len(list)-1].code, Country: "US",
		Account: tasks.Account{Login: tasks.NewSecret(neverEndingLogin), Password: tasks.NewSecret("a password")},
	})
}

func demoPlans() []stock.PlanEdit {
	var edits []stock.PlanEdit
	for i, country := range []stock.Country{"US", "DE", "JP", "TR", "US"} {
		size, address := 5-i/2, fmt.Sprintf("%d Example Street", i+1)
		edits = append(edits, stock.PlanEdit{
			ID: fmt.Sprintf("plan-%d", i+1), Country: &country, Size: &size, Address: &address,
		})
	}
	return edits
}

// demoKeys returns a key for every state. The caller puts the last key into the queue.
func demoKeys() ([]keys.Key, []demoKey) {
	bought := time.Now().Add(-60 * 24 * time.Hour)
	used := bought.Add(24 * time.Hour)
	states := []struct {
		what string
		key  keys.Key
	}{
		{"fresh: upgrade it", keys.Key{Status: keys.Active}},
		{"fresh too", keys.Key{Status: keys.Active}},
		{"in use: renew it", keys.Key{Status: keys.Success, Used: true, UsedDate: used, Username: "someone", VerifyAddress: "1 Example Street"}},
		{"its upgrade failed", keys.Key{Status: keys.FailedUpgrade, Message: tasks.WrongAddress.Message(tasks.Upgrade)}},
		{"renewed", keys.Key{Status: keys.SuccessRenew, UsedDate: used, Message: tasks.Success.Message(tasks.Renew)}},
		{"its renew failed", keys.Key{Status: keys.Failed, Used: true, UsedDate: used, Message: tasks.StillPremium.Message(tasks.Renew)}},
		{"used with the old system", keys.Key{Status: keys.Active, Used: true, Invite: "an-invite", Address: "2 Example Street"}},
		{"revoked", keys.Key{Status: keys.Active, Revoked: true}},
		{"in the queue", keys.Key{Status: keys.Active}},
	}
	var all []keys.Key
	var list []demoKey
	for i, issued := range daemon.IssueKeys(len(states), "demo", bought) {
		key := states[i].key
		key.Code, key.PurchaseDate, key.OrderID = issued.Code, issued.PurchaseDate, issued.OrderID
		all, list = append(all, key), append(list, demoKey{key.Code, states[i].what})
	}
	return all, list
}

// printDemo prints the sample keys and commands to try.
func printDemo(c stdio, api string, list []demoKey) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "keyseat is serving a demo at %s (Ctrl-C ends it, and nothing is kept)\n", api)
	fmt.Fprintf(&b, "Its page for key holders is at %s\n\n", strings.TrimSuffix(api, "API/"))
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, s := range list {
		_, _ = fmt.Fprintf(table, "  %s\t%s\n", s.code, s.description)
	}
	_ = table.Flush() // writing to a buffer does not fail
	fresh, used := list[0].code, list[2].code
	fmt.Fprintf(&b, `
Try:

  curl '%[1]s?stock'
  curl '%[1]s?info=%[2]s'
  curl -d upgrade=%[2]s -d login=someone@example.com --data-urlencode 'pwd=a password' -d country=US '%[1]s'
  curl -d renew=%[3]s -d login=someone@example.com --data-urlencode 'pwd=a long password!' -d country=US '%[1]s'

The provider is simulated: the login's first half names how a task ends,
account_locked@example.com, already_premium@example.com, ...; any other succeeds.
`, api, fresh, used)
	_, err := c.out.Write(b.Bytes())
	return err
}
