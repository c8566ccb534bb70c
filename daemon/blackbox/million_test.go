package blackbox_test

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// roundTrip is how many keys TestRoundTrip takes; a million shows that nothing grows with them:
//
//	go test ./daemon/blackbox -run RoundTrip -v -timeout 30m -args -roundtrip 1000000
var roundTrip = flag.Int("roundtrip", 20_000, "how many keys TestRoundTrip exports and imports")

// TestRoundTrip holds that what was exported imports again unchanged, and what that takes.
func TestRoundTrip(t *testing.T) {
	if *roundTrip == 20_000 {
		t.Parallel()
	}
	for name, open := range map[string]func(t *testing.T) *Shop{
		"sqlite":   NewSQLiteShop,
		"postgres": func(t *testing.T) *Shop { return NewPostgresShop(t, pgtest.URL(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			one, two := open(t), open(t)
			file := filepath.Join(one.Folder, "keys.csv")
			writeKeys(one, file, *roundTrip)
			one.execMeasured(nil, "keys", "import", "--dry-run", file)
			one.execMeasured(nil, "keys", "import", file)
			first, again := filepath.Join(one.Folder, "first.csv"), filepath.Join(one.Folder, "again.csv")
			one.execMeasured(&first, "keys", "export")
			two.execMeasured(nil, "keys", "import", first)
			two.execMeasured(&again, "keys", "export")
			sameFiles(t, first, again, *roundTrip+1)
		})
	}
}

// writeKeys writes a file of n keys of every kind.
func writeKeys(s *Shop, path string, n int) {
	s.Helper()
	file, err := os.Create(path)
	if err != nil {
		s.Fatal(err)
	}
	out := bufio.NewWriter(file)
	_, _ = fmt.Fprintln(out, "code,order_id,purchase_date,status,used_date,username,verify_address,message,invite,address,revoked") // Flush tells
	for i := range n {
		kind := [...]string{
			"active,,,,,,,0", "success,2026-02-03T04:05:06.789Z,user,\"1 High Street\nLondon\",,,,0", "failed_upgrade,,,,Wrong address,,,0",
			"success_renew,2026-02-03,,,Key Renewed,,,1", "active,,,,,https://provider.example/i?a=1&b=2,\"2 Low Street, Leeds\",0",
		}[i%5]
		_, _ = fmt.Fprintf(out, "key-%07d,order-%d,2026-01-02T03:04:05Z,%s\n", i*7919%n, i/10, kind)
	}
	if err := out.Flush(); err != nil {
		s.Fatal(err)
	}
	if err := file.Close(); err != nil {
		s.Fatal(err)
	}
}

// execMeasured runs a command into a file, and logs what it took. However many keys there are, few are in
// memory.
func (s *Shop) execMeasured(into *string, args ...string) {
	s.Helper()
	cmd, said := s.Command(args...), new(LogBuffer)
	cmd.Stderr = said
	if into != nil {
		file, err := os.Create(*into)
		if err != nil {
			s.Fatal(err)
		}
		defer func() { _ = file.Close() }() // the command has its own
		cmd.Stdout = file
	}
	start := time.Now()
	if err := cmd.Run(); err != nil {
		s.Fatalf("%v: %v, %s", args, err, said)
	}
	took, memory := time.Since(start), PeakMemory(cmd.ProcessState)
	s.Logf("%s: %v, %d MiB", strings.Join(args[:min(3, len(args))], " "), took.Round(time.Millisecond), memory)
	if memory > 256 {
		s.Errorf("%v took %d MiB", args, memory)
	}
}

// sameFiles compares line by line, because what this process has in memory counts as a command's too:
// the kernel knows but one peak for both sides of an exec.
func sameFiles(t *testing.T, one, two string, rows int) {
	t.Helper()
	a, b, n := lines(t, one), lines(t, two), 0
	for more := true; more; {
		if more = a.Scan(); more != b.Scan() || a.Text() != b.Text() {
			t.Fatalf("the exports part after %d lines: %q, %q", n, a.Text(), b.Text())
		}
		if strings.HasPrefix(a.Text(), "key-") {
			n++
		}
	}
	if err := errors.Join(a.Err(), b.Err()); err != nil || n+1 != rows {
		t.Errorf("%d rows, not %d, %v", n+1, rows, err)
	}
}

func lines(t *testing.T, path string) *bufio.Scanner {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() }) // it was only read
	return bufio.NewScanner(file)
}
