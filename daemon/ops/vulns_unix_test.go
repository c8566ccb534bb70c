//go:build unix

package ops_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVulns checks that .ci/vulns fails on a finding and on an error, and passes without the database.
func TestVulns(t *testing.T) {
	t.Parallel()
	script, err := filepath.Abs(filepath.Join(project, ".ci/vulns"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		curl   string // what curl does
		tool   string // what govulncheck does
		status int
		says   string
	}{
		"nothing found": {"exit 0", `echo "No vulnerabilities found."`, 0, "No vulnerabilities found.\n"},
		"found":         {"exit 0", `echo "Vulnerability #1"; exit 1`, 1, "Vulnerability #1\n"},
		"broken code":   {"exit 0", `echo "undefined: x" >&2; exit 1`, 1, "undefined: x\n"},
		"no database":   {"exit 6", "exit 1", 0, "Known vulnerabilities were not looked for, because https://vuln.go.dev cannot be reached.\n"},
		"no curl":       {"", "exit 0", 1, "curl is missing: install it first.\n"},
	} {
		dir := t.TempDir()
		path := dir + ":" + os.Getenv("PATH")
		if c.curl == "" {
			path = dir
		}
		for program, does := range map[string]string{"curl": c.curl, "go": c.tool} {
			if does == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\n"+does+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), script)
		cmd.Env = []string{"PATH=" + path}
		out, err := cmd.CombinedOutput()
		if status := cmd.ProcessState.ExitCode(); status != c.status || string(out) != c.says {
			t.Errorf("%s: status %d, %v: %s", name, status, err, strings.TrimSpace(string(out)))
		}
	}
}
