package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/terminal"
)

// FuzzParse checks that every command line names a command, prints help or gives a usage error. Parsing
// never panics and never has an effect.
func FuzzParse(f *testing.F) {
	for _, line := range []string{
		"", "keys", "keys show A", "keys show -- -A", "-", "--", "--=", "-x", "--help", "stock --help --version",
		"keys generate --count 1 --order x --database sqlite:a", "serve --connector sim --trusted-proxies 10.0.0.0/8,::1",
		"tasks resolve x --outcome success", "--version=", "plans import -", "serve --lease", "demo -h=1",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		_, err := parse(strings.Split(line, " "), stdio{out: io.Discard, err: io.Discard})
		if usage := (usageError{}); err != nil && !errors.As(err, &usage) {
			t.Fatalf("%q: %v", line, err)
		}
		if err != nil && strings.Contains(terminal.Printable(err.Error()), "\n") {
			t.Fatalf("%q: %q", line, err)
		}
	})
}
