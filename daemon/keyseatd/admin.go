package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	operators "github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
)

// adminFlags enable the admin API and select the file of its tokens.
type adminFlags struct {
	AdminTokenFile string `placeholder:"FILE" help:"Tokens of the admin API and the console, which are served with health and metrics. Without it, neither is served."`

	ConsoleUserHeader   string   `group:"Listeners:" placeholder:"NAME" help:"Header in which a trusted proxy names the operator that it has authenticated. It needs --trusted-proxies and --console-role."`
	ConsoleGroupsHeader string   `group:"Listeners:" default:"X-Forwarded-Groups" placeholder:"NAME" help:"Header in which the proxy names the groups of the operator."`
	ConsoleRole         textList `group:"Listeners:" placeholder:"GROUP=ROLE,…" help:"Role of each group in the console, the first that fits. The group * is everybody."`

	signInLink bool // the console accepts a link with a token: the demo prints such a link
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

// proxyUsers returns the settings for operators that a trusted proxy authenticates. The error names a flag that is
// missing or not valid.
func (f adminFlags) proxyUsers(proxies textList) (users operators.ProxyUsers, _ error) {
	if f.ConsoleUserHeader == "" {
		return users, nil
	}
	if len(proxies) == 0 || len(f.ConsoleRole) == 0 || f.AdminTokenFile == "" {
		return users, usageError{errors.New("--console-user-header needs --trusted-proxies, --console-role and --admin-token-file, " +
			"because anybody else could send this header")}
	}
	users = operators.ProxyUsers{UserHeader: f.ConsoleUserHeader, GroupsHeader: f.ConsoleGroupsHeader}
	for _, text := range f.ConsoleRole {
		group, role, _ := strings.Cut(text, "=")
		t := admin.Token{Name: "group", Role: admin.Role(role)}
		if group == "" || t.Check() != nil {
			return users, usageError{errors.New("--console-role must be GROUP=ROLE, where the role is read, support, write or export")}
		}
		users.Roles = append(users.Roles, operators.GroupRole{Group: group, Role: t.Role})
	}
	return users, nil
}

// parseExpires parses --expires. A date means the end of that day in UTC. An empty text means the zero time.
func parseExpires(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := csvfile.ParseEnd(text)
	if digits, isDays := strings.CutSuffix(text, "d"); isDays {
		var days int
		days, err = strconv.Atoi(digits)
		at = now.AddDate(0, 0, days)
	} else if err != nil {
		var d time.Duration
		d, err = time.ParseDuration(text)
		at = now.Add(d)
	}
	if err != nil || !at.After(now) || at.Year() > 9999 {
		return at, usageError{errors.New("--expires must be a duration such as 90d or 12h, or a time or date that is not past")}
	}
	return at, nil
}

type adminTokenCmd struct {
	Add  adminTokenAdd  `cmd:"" help:"Make a new token and add it to FILE."`
	List adminTokenList `cmd:"" help:"List the names, the roles and the expiry of the tokens."`
}

type adminTokenAdd struct {
	File    string     `arg:"" help:"The file of tokens; it is made with mode 0600." validate:"required"`
	Name    string     `help:"Name of the token, for the audit log." required:"" placeholder:"NAME"`
	Role    admin.Role `help:"Role of the token: ${enum}." required:"" enum:"read,support,write,export" placeholder:"ROLE"`
	Renew   bool       `help:"Make another token of a name that is in FILE. Delete its old line when no client uses it."`
	Expires string     `help:"When the token expires: a duration (90d, 12h), a time or a date. Without it, never." placeholder:"DURATION|DATE"`
}

const tokenPrefix = "keyseat_admin_" // makes a leaked token recognizable

// Run adds a token to the file. It prints the token after the file is stored.
func (a *adminTokenAdd) Run(_ context.Context, c stdio) error {
	text := tokenPrefix + rand.Text()
	token := admin.NewToken(a.Name, a.Role, text)
	if err := token.Check(); err != nil {
		return usageError{err}
	}
	var err error
	if token.Expires, err = parseExpires(a.Expires, time.Now()); err != nil {
		return err
	}
	add := admin.TokenFile(a.File).Add
	if a.Renew {
		add = admin.TokenFile(a.File).Renew
	}
	if err := add(token); err != nil {
		return err
	}
	stored := fmt.Sprintf("the token of %s is in %s and cannot be shown again", a.Name, a.File)
	err = c.printStored(stored, "delete the last line that begins with "+a.Name+" from the file, then run the command again", text)
	if err == nil {
		c.hint("Copy this token now: " + a.File + " has only its hash.")
	}
	return err
}

type adminTokenList struct {
	File string `arg:"" help:"The file of tokens." validate:"required"`
	outputFlag
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
		return tokenRow{t.Name, t.Role, state, view.Time{Time: t.Expires}}
	})
	return terminal.PrintList(c.out, l.Output, tokenTable, rows)
}

const tokenWarning = 14 * 24 * time.Hour // the doctor warns of a token that expires within this time

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
			_, _ = fmt.Fprintf(c.err, "warning: the admin token %s %s: %s\n", t.Name, verb, view.Time{Time: t.Expires}) // a warning that cannot be written does not fail the command
		}
	}
	return err
}
