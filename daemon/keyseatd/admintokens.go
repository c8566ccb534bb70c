package main

import (
	"context"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
)

// adminTokenList is the command keyseatd admin-token list.
type adminTokenList struct {
	File string `arg:"" help:"The file of tokens." validate:"required"`
	outputFlag
}

// Help shows examples.
func (*adminTokenList) Help() string {
	return examples("It shows no token, because the file has only their hashes. An expired token is refused.",
		"keyseatd admin-token list admin-tokens",
		"keyseatd admin-token list admin-tokens --output json")
}

// A tokenRow is a token without its secret. Its state is valid or expired.
type tokenRow struct {
	Name      string     `json:"name"`
	Role      admin.Role `json:"role"`
	State     string     `json:"state"`
	ExpiresAt view.Time  `json:"expires_at"` // null: never
}

var tokenTable = terminal.Layout[tokenRow]{
	Header: "NAME ROLE STATE EXPIRES",
	Cells:  func(t tokenRow) []string { return []string{t.Name, string(t.Role), t.State, t.ExpiresAt.String()} },
}

// Run lists the tokens in the order of the file.
func (l *adminTokenList) Run(_ context.Context, c stdio) error {
	all, err := admin.TokenFile(l.File).Load()
	if err != nil {
		return err
	}
	now := time.Now()
	rows := seq.Map(seq.All(all), func(t admin.Token) tokenRow {
		state := "valid"
		if t.Expired(now) {
			state = "expired"
		}
		return tokenRow{t.Name, t.Role, state, view.Time(t.Expires)}
	})
	return terminal.PrintList(c.out, l.Output, tokenTable, rows)
}

// tokenWarning is the time before the expiry of a token in which doctor warns of it.
const tokenWarning = 14 * 24 * time.Hour

// printTokens prints a warning for each token that has expired or is about to.
func printTokens(file string, c stdio) error {
	if file == "" {
		return nil
	}
	all, err := admin.TokenFile(file).Load()
	now := time.Now()
	for _, t := range all {
		verb := "expires"
		if t.Expired(now) {
			verb = "has expired"
		}
		if t.Expired(now.Add(tokenWarning)) {
			_, _ = fmt.Fprintf(c.err, "warning: the admin token %s %s: %s\n", t.Name, verb, view.Time(t.Expires)) // the command continues without the warning
		}
	}
	return err
}
