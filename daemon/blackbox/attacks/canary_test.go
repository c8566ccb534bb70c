package attacks_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
	"github.com/keyseat/keyseat/tasks"
)

// A canary has secrets that are unlike any other text, and the responses in which the test searches for them.
type canary struct {
	*harness.Shop
	account tasks.Account
	host    string   // the end of every login
	answers []string // the responses to clients

	onLeak func(fault string) // is called for each secret that is found; nil: each fails the test
}

// wholeKey is a key that no log may contain.
const wholeKey = "key-canary-5e7a-a-whole-one"

func newCanary(s *harness.Shop) *canary {
	return &canary{Shop: s, host: "canary<é>&1f0c.example", account: tasks.Account{
		Login:    tasks.NewSecret("canary<é>&1f0c.example"), // every login ends with it
		Password: tasks.NewSecret(`p"canary"&<é> 8d2b`),
		NewEmail: tasks.NewSecret("new.canary.77ae@example.com"), NewPassword: tasks.NewSecret(`n"canary"&<é> 3c9f`),
	}}
}

// TestSecretsLeaveNoTrace sends secrets in all kinds of requests, and searches for them wherever keyseat writes.
func TestSecretsLeaveNoTrace(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		newCanary(harness.NewSQLiteShop(t)).run(func(*canary) {})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		cluster := pgtest.Start(t, pgtest.Options{Config: []string{"log_statement=all", "log_min_duration_statement=0", "log_error_verbosity=verbose"}})
		newCanary(harness.NewPostgresShop(t, cluster.URL(t))).run((*canary).scanPostgres)
	})
}

// run sends the requests. It scans everything while tasks are open, after a kill, and when all tasks have ended.
func (c *canary) run(scanDatabase func(*canary)) {
	c.ImportKeys("code,used", "K1,", "K2,", "K3,", "K4,", "K5,", "K6,", "K7,", "R1,1", "R2,1", "R3,1", "gone,", wholeKey+",")
	c.ImportPlans("p,US,10,1 Main Street,inv", "q,FR,1,,")
	c.MustExec("keys", "revoke", "gone")
	flags := []string{"--task-attempts", "2", "--lease", "1s", "--connector-timeout", "300ms"}
	d := c.Serve(flags...)
	c.sendAccepted(d)
	c.sendRefused(d)
	for _, code := range []string{"K1", "K2", "K3", "K4", "R1", "R2"} {
		d.WaitEnd(code)
	}
	c.scanAll(d, scanDatabase)
	d.Kill() // K5, K6 and R3 are open
	next := c.Serve(append(flags, "--task-deadline", "1ms")...)
	for _, code := range []string{"K5", "K6", "R3"} {
		next.WaitEnd(code)
	}
	c.scanAll(next, scanDatabase)
	next.Stop()
	c.scanAll(next, scanDatabase)
	c.checkScanner()
	harness.Report(c, 3, 1) // scans, a kill
}

// sendAccepted sends requests that become tasks, with every kind of end.
func (c *canary) sendAccepted(d *harness.Daemon) {
	for code, script := range map[string]string{
		wholeKey: "success", "K1": "success", "K2": "500+cut_after+success", "K3": "plan_full.500", "K4": "html", "K5": "202", "K6": "202",
		"R1": "success", "R2": "silent", "R3": "202",
	} {
		form := c.form("upgrade", code, script)
		if code[0] == 'R' {
			form = c.form("renew", code, script)
		}
		c.record(d.Do(http.MethodGet, "/API/?"+form, "", c.headers()))
	}
	c.record(d.Post(c.form("upgrade", "K7", "success") + "&country=ZW")) // two countries
	c.record(d.Post(strings.Replace(c.form("upgrade", "K7", "success"), "country=US", "country=ZW", 1)))
}

func (c *canary) form(call, code, script string) string {
	return harness.Query(call, code, "login", script+"@"+c.host, "pwd", c.account.Password.Reveal(), "country", "US",
		"newemail", c.account.NewEmail.Reveal(), "newpwd", c.account.NewPassword.Reveal())
}

// headers returns headers with the secrets in all of them.
func (c *canary) headers() http.Header {
	secret := harness.Query("pwd", c.account.Password.Reveal(), "newemail", c.account.NewEmail.Reveal(), "newpwd", c.account.NewPassword.Reveal(), "login", c.host)
	return harness.Headers("User-Agent", secret, "Referer", "https://example.com/?"+secret, "Cookie", secret, "X-Request-Id", secret, "X-Forwarded-For", secret)
}

// sendRefused sends requests that are refused, with every status.
func (c *canary) sendRefused(d *harness.Daemon) {
	ok := c.form("upgrade", wholeKey, "success")
	for _, form := range []string{
		ok, c.form("renew", "K1", "success"), c.form("upgrade", "nobody", "x"), c.form("upgrade", "gone", "x"), c.form("renew", "K5", "x"),
		c.form("upgrade", c.host, "x"), c.form("info", c.host, "x"), c.form("stock", "", "x"),
		strings.Replace(ok, "country=US", "country="+c.host, 1), strings.Replace(ok, "upgrade=", "up=", 1),
		ok + "&pwd=another", ok + "&%zz", ok + ";x", ok + "&%ff=" + c.host, ok + "&info=x", harness.Query(c.host, "x"), "%zz" + c.host,
		ok + "&utm=" + strings.Repeat("x", 17<<10),
	} {
		for _, method := range []string{"GET", "POST", "PUT", "HEAD"} {
			c.record(d.Do(method, "/API/?"+strings.ReplaceAll(form, "<", "%3C"), "", c.headers()))
		}
		c.record(d.Do("POST", "/API/", form, harness.FormHeader))
		c.record(d.Do("POST", "/API/?x=y", form, harness.JSONHeader))
	}
	c.record(d.Do("GET", "/API/"+harness.Query("x", c.host)+"?"+ok, "", nil))
	c.record(d.Do("GET", "/API/?"+ok, "", harness.Headers("Purpose", "prefetch")))
	d.SendRaw("GET /API/?" + ok + "\x00 HTTP/1.1\r\nHost: x\r\n\r\n")
	d.SendRaw("POST /API/?" + ok + " HTTP/1.1\r\nHost: x\r\nContent-Type: " + harness.FormType + "\r\nContent-Length: 9999\r\n\r\n" + ok + "\r\n")
}

// record keeps a response with its headers.
func (c *canary) record(a harness.Response) {
	c.answers = append(c.answers, fmt.Sprint(a.Code, a.Header, a.Body))
}

// scanAll searches once for the secrets in everything that keyseat has written.
func (c *canary) scanAll(d *harness.Daemon, scanDatabase func(*canary)) {
	c.scanText("the log", d.Logs.String())
	if strings.Contains(d.Logs.String(), wholeKey) {
		c.Error("a whole key is in the log")
	}
	c.scanText("an answer", strings.Join(c.answers, "\n"))
	if !d.HasEnded() {
		a, err := d.Send("GET", d.AdminURL+"/metrics", "", nil)
		if err != nil || a.Code != http.StatusOK {
			c.Fatalf("metrics: %d %v", a.Code, err)
		}
		c.scanText("the metrics", a.Body)
	}
	for _, args := range [][]string{
		{"keys", "export"},
		{"keys", "export", "--spreadsheet"},
		{"keys", "show", "K1"},
		{"keys", "show", "R3", "--output", "json"},
		{"tasks", "list"},
		{"tasks", "list", "--output", "json"},
		{"plans", "list"},
		{"stock"},
		{"stock", "--output", "json"},
	} {
		r := c.Exec(args...)
		c.scanText("what "+strings.Join(args, " ")+" prints", r.Out+r.Err)
	}
	c.scanFolder(c.Folder)
	scanDatabase(c)
}

// scanText fails the test if a text contains a secret.
func (c *canary) scanText(what, text string) {
	c.Helper()
	if text == "" {
		c.Errorf("the text of %s is empty", what)
	}
	found := connectortest.FindLeak(text, c.account)
	switch fault := fmt.Sprintf("the %s is in %s", found, what); {
	case found == "":
	case c.onLeak != nil:
		c.onLeak(fault)
	default:
		c.Error(fault)
	}
}

// scanFolder searches for the secrets in every file below a folder.
func (c *canary) scanFolder(folder string) {
	c.Helper()
	files := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // the file was removed, or is not a regular one
		}
		content, err := os.ReadFile(path)
		if err == nil && len(content) > 0 {
			files++
			c.scanText("the file "+path, string(content))
		}
		return nil
	})
	if err != nil || files == 0 {
		c.Errorf("%d files scanned: %v", files, err)
	}
}

// scanPostgres searches for the secrets in every row, and in every file of the server, including the log.
func (c *canary) scanPostgres() {
	conn, err := pgx.Connect(c.Context(), c.Database)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = conn.Close(c.Context()) }() // the scan is done
	var folder string
	var dump []byte
	_, err = conn.Exec(c.Context(), "CHECKPOINT")
	if err == nil {
		err = conn.QueryRow(c.Context(), "SHOW data_directory").Scan(&folder)
	}
	if err == nil {
		err = conn.QueryRow(c.Context(), "SELECT convert_to(database_to_xml(true, false, '')::text, 'UTF8')").Scan(&dump)
	}
	if err != nil {
		c.Fatal(err)
	}
	c.scanText("the dump", string(dump))
	c.scanFolder(filepath.Dir(folder)) // the log is next to the data
}

// checkScanner checks that the scanner finds the secrets where they must be.
func (c *canary) checkScanner() {
	var sent strings.Builder
	for _, r := range c.Provider.Requests() {
		sent.Write(r.Body)
	}
	for _, account := range []tasks.Account{{Login: c.account.Login}, {Password: c.account.Password}, {NewEmail: c.account.NewEmail}, {NewPassword: c.account.NewPassword}} {
		if connectortest.FindLeak(sent.String(), account) == "" {
			c.Error("the scanner does not find a secret in what the provider was sent")
		}
	}
	c.checkFileScanner(sent.String())
	if n := len(c.answers); n < 100 {
		c.Errorf("only %d responses were scanned", n)
	}
}

// checkFileScanner checks that the scanner finds a secret in a file.
func (c *canary) checkFileScanner(secret string) {
	c.Helper()
	folder, found := c.TempDir(), 0
	if err := os.WriteFile(filepath.Join(folder, "sink"), []byte(secret), 0o600); err != nil {
		c.Fatal(err)
	}
	before := c.onLeak
	c.onLeak = func(string) { found++ }
	c.scanFolder(folder)
	if c.onLeak = before; found == 0 {
		c.Error("the scanner does not find a secret in a file")
	}
}
