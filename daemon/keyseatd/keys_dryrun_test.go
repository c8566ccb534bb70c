package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dry runs a dry run of a file, which must end with the given status, and returns its output.
func (sh shell) dry(status int, file string) string {
	sh.Helper()
	out, err, got := sh.run(file, "keys", "import", "--dry-run", "-")
	want := ""
	if status == exitFailed {
		want = "keyseatd: the file would not be imported\n"
	}
	if got != status || err != want {
		sh.Errorf("status %d, %q", got, err)
	}
	return out
}

func TestDryRunPrintsEveryErrorAndStoresNothing(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		sh.feed("code\nold\n0000000000000000000000012\n", "keys", "import", "-")
		before := sh.ok("keys", "export")
		sh.golden(sh.dry(exitFailed, "code,used\nA,1\nb b,\nold,\nA,\n00000-00000-00000-00000-00012,\n"), `
line 3: code must be 1 to 128 printable ASCII characters with no space
line 4: the code exists already
line 5: the code comes on line 2 already
line 6: the code exists already
checked: 5 rows, 4 invalid; nothing was stored
`)
		sh.golden(sh.dry(exitDone, "code\nA\nB\n"), "checked: 2 rows, 0 invalid; nothing was stored\n")
		if after := sh.ok("keys", "export"); after != before {
			sh.Errorf("stored: %s", after)
		}
		sh.fails(exitFailed, "no-such.csv: no such file", "", "keys", "import", "--dry-run", "no-such.csv")
	})
}

// TestDryRunOfSeveralPages checks that every page of a long file is compared with the database.
func TestDryRunOfSeveralPages(t *testing.T) {
	const n = 3007 // the pages of a file have 1000 rows
	onEveryDatabase(t, func(sh shell) {
		sh.feed(keysCSV("code", n), "keys", "import", "-")
		if out := sh.dry(exitDone, keysCSV("more", n)); out != "checked: 3007 rows, 0 invalid; nothing was stored\n" {
			sh.Errorf("got %.200s", out)
		}
		if out := sh.dry(exitFailed, keysCSV("code", n)); strings.Count(out, ": the code exists already\n") != n {
			sh.Errorf("got %.200s", out)
		}
		if rest := sh.ok("keys", "export"); strings.Count(rest, "\n") != n+1 {
			sh.Errorf("%d lines are stored", strings.Count(rest, "\n"))
		}
	})
}

func TestDryRunCreatesNoDatabase(t *testing.T) {
	t.Chdir(t.TempDir())
	sh := shell{T: t}
	sh.golden(sh.dry(exitFailed, "code\nA\nA\n"), "line 3: the code comes on line 2 already\nchecked: 2 rows, 1 invalid; nothing was stored\n")
	if _, err := os.Stat("keyseat.db"); err == nil {
		t.Error("a database was made")
	}
	if left, err := filepath.Glob("*"); err != nil || len(left) > 0 {
		t.Errorf("%q were made, %v", left, err)
	}
	sh.env = []string{"KEYSEAT_DATABASE=postgres://u@127.0.0.1:1/d?connect_timeout=1"}
	sh.fails(exitFailed, "cannot reach PostgreSQL at 127.0.0.1:1: connection refused", "code\nA\n", "keys", "import", "--dry-run", "-")
}
