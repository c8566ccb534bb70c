package blackbox_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCanaryFindsLoggedURL has a program that logs the URLs it is called with, as every framework
// would. The look at the log that all builds are held to must find the secrets in it.
func TestCanaryFindsLoggedURL(t *testing.T) {
	t.Parallel()
	c := newCanary(NewSQLiteShop(t))
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

// buildURLLogging builds a program with one more line in it.
func buildURLLogging(s *Shop) string {
	s.Helper()
	const anchor = "\tcall, said := a.answer(r)\n"
	path, err := filepath.Abs(filepath.Join(Root, "daemon", "api.go"))
	if err != nil {
		s.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil || strings.Count(string(source), anchor) != 1 {
		s.Fatalf("there is no place for the line: %v", err)
	}
	folder := s.TempDir()
	edited, overlay, program := filepath.Join(folder, "api.go"), filepath.Join(folder, "overlay.json"), filepath.Join(folder, "keyseatd")
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
	out, err := exec.CommandContext(s.Context(), "go", "build", "-overlay", overlay, "-o", program, "../keyseatd").CombinedOutput()
	if err != nil {
		s.Fatalf("go build -overlay: %v\n%s", err, out)
	}
	return program
}
