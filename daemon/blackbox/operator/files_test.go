package operator_test

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

	"golang.org/x/text/encoding/unicode"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// roundTrip is the number of keys of [TestRoundTrip]. With a million keys, the test shows that the memory does not grow
// with the number of keys:
//
//	go test ./daemon/blackbox/operator -run RoundTrip -v -timeout 30m -args -roundtrip 1000000
var roundTrip = flag.Int("roundtrip", 20_000, "how many keys TestRoundTrip exports and imports")

// TestRoundTrip checks that an export of many keys is the same after an import into another database. It logs the time
// and the memory of each command.
func TestRoundTrip(t *testing.T) {
	if *roundTrip == 20_000 {
		t.Parallel()
	}
	for name, open := range map[string]func(t *testing.T) *harness.Shop{
		"sqlite":   harness.NewSQLiteShop,
		"postgres": func(t *testing.T) *harness.Shop { return harness.NewPostgresShop(t, pgtest.URL(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			one, two := open(t), open(t)
			file := filepath.Join(one.Folder, "keys.csv")
			writeKeys(one, file, *roundTrip)
			execMeasured(one, nil, "keys", "import", "--dry-run", file)
			execMeasured(one, nil, "keys", "import", file)
			first, again := filepath.Join(one.Folder, "first.csv"), filepath.Join(one.Folder, "again.csv")
			execMeasured(one, &first, "keys", "export")
			execMeasured(two, nil, "keys", "import", first)
			execMeasured(two, &again, "keys", "export")
			sameFiles(t, first, again, *roundTrip+1)
		})
	}
}

// writeKeys writes a file of n keys of all kinds.
func writeKeys(s *harness.Shop, path string, n int) {
	s.Helper()
	file, err := os.Create(path)
	if err != nil {
		s.Fatal(err)
	}
	out := bufio.NewWriter(file)
	_, _ = fmt.Fprintln(out, "code,order_id,purchase_date,status,used_date,username,verify_address,message,invite,address,revoked") // Flush returns the error
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

// execMeasured runs a command, and checks that it uses little memory. Its output is written to the path into, unless
// nil.
func execMeasured(s *harness.Shop, into *string, args ...string) {
	s.Helper()
	cmd, stderr := s.Command(args...), new(harness.LogBuffer)
	cmd.Stderr = stderr
	if into != nil {
		file, err := os.Create(*into)
		if err != nil {
			s.Fatal(err)
		}
		defer func() { _ = file.Close() }() // the command has its own handle
		cmd.Stdout = file
	}
	start := time.Now()
	if err := cmd.Run(); err != nil {
		s.Fatalf("%v: %v, %s", args, err, stderr)
	}
	took, memory := time.Since(start), harness.PeakMemory(cmd.ProcessState)
	s.Logf("%s: %v, %d MiB", strings.Join(args[:min(3, len(args))], " "), took.Round(time.Millisecond), memory)
	if memory > 256 {
		s.Errorf("%v took %d MiB", args, memory)
	}
}

// sameFiles compares files line by line. It must not use much memory, because the kernel adds the peak of this
// process to that of a command.
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
	t.Cleanup(func() { _ = file.Close() }) // the file was only read
	return bufio.NewScanner(file)
}

// TestExportCanBeImported checks that another shop can import an export, and that an export of that shop then has the
// same bytes.
func TestExportCanBeImported(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code,status,message,invite,address,revoked,purchase_date,used_date,order_id",
			`a,failed,"x, ""y"" é",,,1,2026-01-02T03:04:05.123456Z,,o-1`, "b,,,=in,\"1 Street\nTown\",,2026-01-02,2026-01-03,", "c,,,,,,,,")
		s.ImportPlans("p,US,1,,")
		d := s.Serve()
		d.MustAccept(harness.Upgrade("c", harness.PendingLogin, "US"))
		exported := s.MustExec("keys", "export")
		if rows := strings.Count(exported, "\n"); rows != 5 { // one row has two lines
			s.Errorf("exported:\n%s", exported)
		}
		d.Kill()
		other := harness.NewSQLiteShop(s.T)
		other.MustExecInput(exported, "keys", "import", "-")
		if again := other.MustExec("keys", "export"); again != exported {
			s.Errorf("exported\n%s\nand again\n%s", exported, again)
		}
		if r := other.ExecInput("code\nz\na\n", "keys", "import", "-"); r.Code != 1 || !strings.Contains(r.Err, "line 3") || strings.Count(r.Err, "\n") != 1 {
			s.Errorf("a code that exists: %+v", r)
		}
		if again := other.MustExec("keys", "export"); again != exported {
			s.Error("a refused import has left something")
		}
	})
}

// TestSpreadsheetFiles imports files as spreadsheets write them. Files that a spreadsheet has damaged are refused.
func TestSpreadsheetFiles(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("code\torder_id\r\n00012\tBüro\r\nplain\t2\r\n")
		if err != nil {
			s.Fatal(err)
		}
		s.MustExecInput(wide, "keys", "import", "--dry-run", "-")
		s.MustExecInput(wide, "keys", "import", "-")
		s.MustExecInput("\ufeffsep=;\r\ncode;order_id\r\n\"12345678901234567890\";1,5\r\n", "keys", "import", "-")
		s.MustExecInput("id;country;slots\np; us ;3\n", "plans", "import", "-")
		if p := s.Plans()["p"]; p.Country != "US" || p.Slots != 3 {
			s.Errorf("%+v", p)
		}
		for file, want := range map[string]string{
			"Code,used\na,1\n":            "line 1: column 1 (Code) must be written in lower case: code",
			"sep=|\ncode|used\na|1\n":     "line 1: sep= must name a comma, a semicolon or a tab",
			"code\na\n1.23457E+15\n":      "line 3: code looks like a number that a spreadsheet has rounded",
			"code\n\"=\"\"000124\"\"\"":   "line 2: code looks like a spreadsheet's formula",
			"code\n=\"000124\"\n":         "line 2: a cell looks like a spreadsheet's formula",
			"code\n'=1+1\n":               "line 2: code begins with an apostrophe",
			"code;used,order_id\na;1,2\n": "line 1: the first line must name the columns with one separator",
		} {
			if r := s.ExecInput(file, "keys", "import", "-"); r.Code != 1 || !strings.Contains(r.Err, want) || strings.Count(r.Err, "\n") != 1 {
				s.Errorf("%q: %+v", file, r)
			}
			if r := s.ExecInput(file, "keys", "import", "--dry-run", "-"); r.Code != 1 || !strings.Contains(r.Out, want) {
				s.Errorf("%q, dry run: %+v", file, r)
			}
		}
		if r := s.ExecInput("ID,country,slots\nq,US,1\n", "plans", "import", "-"); r.Code != 1 || !strings.Contains(r.Err, "column 1 (ID) must be written in lower case: id") {
			s.Errorf("plans: %+v", r)
		}
		guarded := s.MustExec("keys", "export", "--spreadsheet")
		for _, want := range []string{"\n'00012,", "\n'12345678901234567890,", ",\"'1,5\",", "\nplain,", ",2,"} {
			if !strings.Contains(guarded, want) {
				s.Errorf("%q is missing in\n%s", want, guarded)
			}
		}
		export := s.MustExec("keys", "export")
		again := harness.NewSQLiteShop(s.T)
		if r := again.ExecInput(guarded, "keys", "import", "-"); r.Code != 1 || !strings.Contains(r.Err, "exported without --spreadsheet") {
			s.Errorf("the copy is imported: %+v", r)
		}
		again.MustExecInput(export, "keys", "import", "-")
		if got := again.MustExec("keys", "export"); got != export {
			s.Errorf("exported\n%s\nafter an import\n%s", export, got)
		}
	})
}
