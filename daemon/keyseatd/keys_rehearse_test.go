package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
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

// TestRehearse checks that every error of a file is printed, in order, and that nothing is stored.
func TestRehearse(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		sh.feed("code\nold\n0000000000000000000000012\n", "keys", "import", "-")
		before := sh.ok("keys", "export")
		sh.golden(sh.dry(exitFailed, "code,used,address\nA,1,\nb b,,\nold,,\nB,maybe,\"1\n2\"\nA,,\nC,0,\n00000-00000-00000-00000-00012,,\nC\nC,,\nold,,\n"), `
line 3: code must be 1 to 128 printable ASCII characters with no space
line 4: the code exists already
line 5: used must be 0, 1, true or false
line 7: the code comes on line 2 already
line 9: the code exists already
line 10: 1 cells under a header of 3
line 11: the code comes on line 8 already
line 12: the code exists already
checked: 10 rows, 8 at fault; nothing was stored
`)
		sh.golden(sh.dry(exitDone, "code\nA\nB\n"), "checked: 2 rows, 0 at fault; nothing was stored\n")
		sh.golden(sh.dry(exitDone, "code\n"), "checked: 0 rows, 0 at fault; nothing was stored\n")
		sh.golden(sh.dry(exitFailed, "code,colour\nA,red\n"), `
line 1: column 2 (colour) is none of code,purchase_date,order_id,used,used_date,invite,address,username,verify_address,status,message,revoked; nothing after it was read
checked: 1 rows, 1 at fault; nothing was stored
`)
		sh.golden(sh.dry(exitFailed, "code\nold\n"+strings.Repeat("x", 70<<10)+"\nA\n"), `
line 2: the code exists already
line 3: the row is longer than 64 KiB; nothing after it was read
checked: 2 rows, 2 at fault; nothing was stored
`)
		if after := sh.ok("keys", "export"); after != before {
			sh.Errorf("stored: %s", after)
		}
		sh.fails(exitFailed, "no-such.csv: no such file", "", "keys", "import", "--dry-run", "no-such.csv")
	})
}

// TestRehearseMany checks that errors are found on every page, with the codes of earlier pages remembered.
func TestRehearseMany(t *testing.T) {
	const n = 3*pageSize + 7
	onEveryDatabase(t, func(sh shell) {
		sh.feed(keysCSV("code", n), "keys", "import", "-")
		if out := sh.dry(exitDone, keysCSV("more", n)); out != "checked: 3007 rows, 0 at fault; nothing was stored\n" {
			sh.Errorf("got %.200s", out)
		}
		if out := sh.dry(exitFailed, keysCSV("code", n)); strings.Count(out, ": the code exists already\n") != n {
			sh.Errorf("got %.200s", out)
		}
		out := sh.dry(exitFailed, keysCSV("more", n)+"more-000003,,\ncode-002999,,\n")
		sh.golden(out, `
line 3009: the code comes on line 5 already
line 3010: the code exists already
checked: 3009 rows, 2 at fault; nothing was stored
`)
		if rest := sh.ok("keys", "export"); strings.Count(rest, "\n") != n+1 {
			sh.Errorf("%d lines are stored", strings.Count(rest, "\n"))
		}
	})
}

// TestRehearseFirst checks that a dry run works before the database exists and does not create it.
func TestRehearseFirst(t *testing.T) {
	t.Chdir(t.TempDir())
	sh := shell{T: t}
	sh.golden(sh.dry(exitFailed, "code\nA\nA\n"), "line 3: the code comes on line 2 already\nchecked: 2 rows, 1 at fault; nothing was stored\n")
	if _, err := os.Stat("keyseat.db"); err == nil {
		t.Error("a database was made")
	}
	if left, err := filepath.Glob("*"); err != nil || len(left) > 0 {
		t.Errorf("%q were made, %v", left, err)
	}
}

// TestRehearseErrors checks that a dry run fails if its result cannot be computed or printed.
func TestRehearseErrors(t *testing.T) {
	sh := shell{T: t, env: []string{"KEYSEAT_DATABASE=postgres://u@127.0.0.1:1/d?connect_timeout=1"}}
	sh.fails(exitFailed, "cannot reach PostgreSQL at 127.0.0.1:1: connection refused", "code\nA\n", "keys", "import", "--dry-run", "-")
	find := func(context.Context, []keys.Code) ([]tasks.Snapshot, error) { return nil, nil }
	file := csvfile.New(strings.NewReader("code\nA\nA\n"))
	if err := newDryRun(fullWriter{}, find).run(t.Context(), file.Check()); !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
	lost := errors.New("the disk is gone")
	file = csvfile.New(io.MultiReader(strings.NewReader("code\nA\n"), iotest.ErrReader(lost)))
	if err := newDryRun(io.Discard, find).run(t.Context(), file.Check()); !errors.Is(err, lost) {
		t.Error(err)
	}
}
