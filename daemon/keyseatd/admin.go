package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	operators "github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/daemon/metrics"
)

// adminFlags enable the admin API and select the file of its tokens.
type adminFlags struct {
	AdminTokenFile string `placeholder:"FILE" help:"Tokens of the admin API and the console, which are served with health and metrics. Without it, neither is served."`
}

// checkAdmin refuses a token file without tokens, and a token file without an admin listener. It also
// returns an error if the file cannot be read.
func (f adminFlags) checkAdmin(listen string) error {
	if f.AdminTokenFile == "" {
		return nil
	}
	if listen == "" {
		return usageError{errors.New("--admin-token-file needs --admin-listen, which is empty")}
	}
	all, err := admin.TokenFile(f.AdminTokenFile).Load()
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("--admin-token-file: %s has no token: make one with `keyseatd admin-token add %[1]s`", f.AdminTokenFile)
	}
	return err
}

// addAdminHandlers adds the admin API and the console to a server, if the flags name a token file. The
// admin API calls wake when an admin action makes a task due now.
func (s *serveCmd) addAdminHandlers(server *daemon.Server, store *bunstore.Store, m *metrics.Recorder, wake func()) (err error) {
	if s.AdminTokenFile == "" {
		return nil
	}
	tokens, engine := admin.TokenFile(s.AdminTokenFile), server.API.Engine
	server.AdminAPI = &admin.API{Engine: engine, AdminStore: store, Tokens: tokens, Wake: wake, Log: server.Log}
	server.Console, err = operators.New(operators.Options{
		API: server.AdminAPI, Tokens: tokens, Engine: engine, AdminStore: store, TaskStats: store,
		ConnectorStats: m.ConnectorStats, Proxies: parsePrefixes(s.TrustedProxies), Log: server.Log,
	})
	return err
}

// adminTokenCmd groups the commands on the file of admin tokens.
type adminTokenCmd struct {
	Add adminTokenAdd `cmd:"" help:"Make a new token and add it to FILE."`
}

// adminTokenAdd is the command keyseatd admin-token add.
type adminTokenAdd struct {
	File string     `arg:"" help:"The file of tokens; it is made with mode 0600." validate:"required"`
	Name string     `help:"Name of the token, for the audit log." required:"" placeholder:"NAME"`
	Role admin.Role `help:"Role of the token: ${enum}. Write includes read." required:"" enum:"read,write" placeholder:"ROLE"`
}

// Help explains the token file and shows examples.
func (*adminTokenAdd) Help() string {
	return examples("The token is printed once, and only its SHA-256 is stored. A line of the file is a name, a role and the token "+
		"or its hash: to remove a token, delete its line. A daemon reads the file for each request.",
		"keyseatd admin-token add admin-tokens --name webshop --role write",
		"keyseatd admin-token add admin-tokens --name dashboard --role read")
}

// tokenPrefix makes a leaked token recognizable.
const tokenPrefix = "keyseat_admin_"

// Run adds a token to the file. It prints the token after the file is stored.
func (a *adminTokenAdd) Run(_ context.Context, c stdio) error {
	token := admin.NewToken(a.Name, a.Role, "")
	if err := token.Check(); err != nil {
		return usageError{err}
	}
	text := tokenPrefix + rand.Text()
	if err := admin.TokenFile(a.File).Add(admin.NewToken(a.Name, a.Role, text)); err != nil {
		return err
	}
	stored := fmt.Sprintf("the token of %s is in %s and cannot be shown again", a.Name, a.File)
	return c.printStored(stored, "delete the line that begins with "+a.Name+" from the file, then run the command again", func(w io.Writer) error {
		_, err := fmt.Fprintln(w, text)
		return err
	})
}
