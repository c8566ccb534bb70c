package main

import (
	"errors"
	"fmt"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	operators "github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/daemon/metrics"
)

// adminFlags enable the admin API and select the file of its tokens.
type adminFlags struct {
	AdminTokenFile string `placeholder:"FILE" help:"Tokens of the admin API and the console, which are served with health and metrics. Without it there are none."`
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
