package attacks_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestConsoleShowsNoSecret searches for the secrets on every page of the console, and for whole keys in the log.
func TestConsoleShowsNoSecret(t *testing.T) {
	t.Parallel()
	c := newCanary(harness.NewSQLiteShop(t))
	o, file := c.ServeAdmin("--task-attempts", "1")
	v, _ := o.SignIn(o.Token)
	c.ImportPlans("p,US,9,1 Street,")
	c.AddKeys(wholeKey, "K1", "K2")
	for code, script := range map[string]string{wholeKey: "202", "K1": "500_after", "K2": "success"} {
		o.Post(c.form("upgrade", code, script))
	}
	o.WaitEnd("K1")
	o.WaitEnd("K2")
	pages := []string{"/", "/console/keys", "/console/plans", "/console/tasks", "/console/tasks?state=open", "/console/issue", "/console/activity"}
	for _, code := range []string{wholeKey, "K1", "K2"} {
		reference := v.KeyReference(code)
		pages = append(pages, harness.KeyPath(reference), "/console/key/revoke?key="+reference)
	}
	for _, t := range c.Tasks() {
		pages = append(pages, harness.TaskPath(t.ID), "/console/task/resolve?id="+t.ID)
	}
	for _, path := range pages {
		a := v.Request("GET", path, "")
		if a.Code != 200 && a.Code != 303 {
			t.Errorf("%s: %d", path, a.Code)
		}
		c.scanText(path, fmt.Sprint(a.Header, a.Body))
		if strings.Contains(a.Body, o.Token) || strings.Contains(a.Body, v.Cookie) {
			t.Errorf("%s shows the token or the session", path)
		}
	}
	v.ExpectStatus(303, "POST", "/console/key/revoke", "key="+v.KeyReference(wholeKey)+"&form="+v.FormToken())
	o.Eventually("the audit log names the token", func() bool {
		log := o.Logs.String()
		return strings.Contains(log, `"action":"POST /admin/v1/keys/{code}/revoke"`) && strings.Contains(log, `"token":"webshop"`)
	})
	log := o.Logs.String()
	c.scanText("the log", log)
	lines, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(lines), o.Token) {
		t.Errorf("the file contains the token: %v", err)
	}
	for _, secret := range []string{wholeKey, o.Token, strings.TrimPrefix(v.Cookie, "keyseat_console="), v.FormToken()} {
		if strings.Contains(log, secret) {
			t.Error("the log contains a secret")
		}
	}
}

// TestCanaryFindsLoggedURL runs a program that logs the URLs of requests. The search of the log must find the secrets.
func TestCanaryFindsLoggedURL(t *testing.T) {
	t.Parallel()
	c := newCanary(harness.NewSQLiteShop(t))
	c.Program = buildURLLogging(c.Shop)
	var found []string
	c.onLeak = func(fault string) { found = append(found, fault) }
	c.AddKeys("K1")
	c.ImportPlans("p,US,1,,")
	d := c.Serve()
	c.record(d.Do(http.MethodGet, "/API/?"+c.form("upgrade", "K1", "success"), "", nil))
	d.WaitEnd("K1")
	c.scanAll(d, func(*canary) {})
	d.Stop()
	if len(found) != 1 || !strings.HasSuffix(found[0], " is in the log") {
		t.Errorf("in a program that logs URLs, and else keeps its secrets, was found: %q", found)
	}
}

// buildURLLogging builds a keyseatd with one more line, which logs the URL of each request.
func buildURLLogging(s *harness.Shop) string {
	s.Helper()
	const anchor = "\tcall, resp := a.respond(r)\n"
	path, err := filepath.Abs(filepath.Join(harness.Root, "daemon", "api.go"))
	if err != nil {
		s.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil || strings.Count(string(source), anchor) != 1 {
		s.Fatalf("there is no place for the line: %v", err)
	}
	folder := s.TempDir()
	edited, overlay := filepath.Join(folder, "api.go"), filepath.Join(folder, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{path: edited}})
	if err != nil {
		s.Fatal(err)
	}
	line := "\ta.Log.DebugContext(r.Context(), \"request\", \"url\", r.URL.String())\n"
	for name, text := range map[string]string{edited: strings.Replace(string(source), anchor, line+anchor, 1), overlay: string(replace)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
	}
	return harness.Build(s, "keyseatd-logging", "-overlay", overlay)
}
