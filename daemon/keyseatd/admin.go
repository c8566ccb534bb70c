package main

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/tasks"
)

// adminFlags say who may use the admin API.
type adminFlags struct {
	AdminTokenFile string `placeholder:"FILE" help:"Tokens of the admin API, which is served with health and metrics. Without it there is none."`
}

// checkAdmin finds a file of tokens that would let nobody in.
func (f adminFlags) checkAdmin(listen string) error {
	if f.AdminTokenFile == "" {
		return nil
	}
	if listen == "" {
		return usageError{errors.New("--admin-token-file needs --admin-listen")}
	}
	all, err := admin.TokenFile(f.AdminTokenFile).Load()
	if err == nil && len(all) == 0 {
		err = errors.New("--admin-token-file has no token: make one with `keyseatd admin-token add FILE`")
	}
	return err
}

// adminAPI is nil where it is off. wake is told of each task that is due now.
func (f adminFlags) adminAPI(desk tasks.Desk, office tasks.Office, wake func(), log *slog.Logger) http.Handler {
	if f.AdminTokenFile == "" {
		return nil
	}
	return &admin.API{
		Desk: desk, Office: office, Tokens: admin.TokenFile(f.AdminTokenFile),
		Wake: wake, Log: log,
	}
}
