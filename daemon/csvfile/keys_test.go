package csvfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// read returns the keys of a file, up to its first error.
func read(file string) (all []keys.Key, err error) {
	for k, err := range csvfile.New(strings.NewReader(file)).Keys() {
		if err != nil {
			return all, err
		}
		all = append(all, k)
	}
	return all, nil
}

func TestKeys(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	active := func(code keys.Code) keys.Key { return keys.Key{Code: code, Status: keys.Active} }
	for name, c := range map[string]struct {
		file string
		want []keys.Key
	}{
		"a header alone":      {"code\n", nil},
		"codes":               {"code\na\nb\n", []keys.Key{active("a"), active("b")}},
		"no last line break":  {"code\na", []keys.Key{active("a")}},
		"CRLF and empty rows": {"code\r\n\r\na\r\n\r\n", []keys.Key{active("a")}},
		"byte order mark":     {"\ufeffcode\na\n", []keys.Key{active("a")}},
		"marked and quoted":   {"\ufeff\"code\"\na\n", []keys.Key{active("a")}},
		"our own code":        {"code\n0000000000000000000000012\n", []keys.Key{active("00000-00000-00000-00000-00012")}},
		"invisible ends":      {"code\n\u200b a\u00a0\n", []keys.Key{active("a")}},
		"our own code pasted": {"code\n“０oooo 00000–00000_00000.000i2”\n", []keys.Key{active("00000-00000-00000-00000-00012")}},
		"quoted code":         {"code\n\"a\"\"b,c\"\n", []keys.Key{active(`a"b,c`)}},
		"any order": {"order_id,code,purchase_date\no1,a,2026-11-22T13:00:00.000001999+01:00\n", []keys.Key{
			{Code: "a", Status: keys.Active, OrderID: "o1", PurchaseDate: noon.Add(time.Microsecond)},
		}},
		"a date": {"code,used_date\na,2026-11-22\n", []keys.Key{
			{Code: "a", Status: keys.Active, UsedDate: noon.Add(-12 * time.Hour)},
		}},
		"all empty": {"code,purchase_date,order_id,used,used_date,invite,address,username,verify_address,status,message,revoked\na,,,,,,,,,,,\n", []keys.Key{active("a")}},
		"legacy": {"code,invite,address\na,https://x.example/i,\"1 Street\nTown\"\n", []keys.Key{
			{Code: "a", Status: keys.Active, Used: true, Invite: "https://x.example/i", Address: "1 Street\nTown"},
		}},
		"what a status implies": {"code,status\na,success\nb,failed\nc,failed_upgrade\nd,success_renew\n", []keys.Key{
			{Code: "a", Status: keys.Success, Used: true},
			{Code: "b", Status: keys.Failed, Used: true},
			{Code: "c", Status: keys.FailedUpgrade},
			{Code: "d", Status: keys.SuccessRenew},
		}},
		"an active key that is used": {"used,code,revoked\n1,a,0\nTRUE,b,True\nfalse,c,false\n", []keys.Key{
			{Code: "a", Status: keys.Active, Used: true},
			{Code: "b", Status: keys.Active, Used: true, Revoked: true},
			active("c"),
		}},
		"spaces stay": {"code,username\na, x \n", []keys.Key{{Code: "a", Status: keys.Active, Username: " x "}}},
	} {
		got, err := read(c.file)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", name, err, got, c.want)
		}
	}
}

var long = strings.Repeat("x", csvfile.MaxText+1)

// invalidKeys contains files of keys, and the beginning of the error of each.
var invalidKeys = map[string]string{
	"":                                        "line 1: the file is empty",
	"\ufeff":                                  "line 1: the file is empty",
	"\n\n":                                    "line 1: the file is empty",
	"ABC-DEF\n":                               "line 1: the first line must name the columns",
	"code,colour\na,b\n":                      "line 1: column 2 (colour) is not one of code,",
	"code,K3Y\na,b\n":                         "line 1: column 2 is not one of code,",
	"\ncode, used\na,b\n":                     "line 2: column 2 ( used) is not one of code,",
	"code,\na,\n":                             "line 1: column 2 is not one of code,",
	"code,used,code\n":                        "line 1: the column code comes twice",
	"used\n1\n":                               "line 1: the column code is missing",
	"code,used\na\n":                          "line 2: 1 cells under a header of 2",
	"code\na\nb,c\n":                          "line 3: 2 cells under a header of 1",
	"code\na b\n":                             "line 2: code must be 1 to 128 printable ASCII",
	"code\n\u200b\n":                          "line 2: code must be",
	"code\na\u200bb\n":                        "line 2: code must be",
	"code\n\"\"\n":                            "line 2: code must be",
	"code\né\n":                               "line 2: code must be",
	"code\n" + long[:129] + "\n":              "line 2: code must be",
	"code,used\na,2\n":                        "line 2: used must be 0, 1, true or false",
	"code,used\na,yes\n":                      "line 2: used must be",
	"code,used\na, 1\n":                       "line 2: used must be",
	"code,revoked\na,-\n":                     "line 2: revoked must be 0, 1, true or false",
	"code,invite,used\na,i,0\n":               "line 2: used must be 1 or empty: an invite",
	"code,status\na,in_queue\n":               "line 2: status must be one of active, success, failed_upgrade, success_renew, failed",
	"code,status\na,not_exist\n":              "line 2: status must be one of",
	"code,status\na,Active\n":                 "line 2: status must be one of",
	"code,status,used\na,success,0":           "line 2: status success does not agree with used 0",
	"code,status,used\na,failed_upgrade,1":    "line 2: status failed_upgrade does not agree with used 1",
	"code,status,invite\na,success_renew,i":   "line 2: status success_renew does not agree with used 1",
	"code,used_date\na,yesterday\n":           "line 2: used_date must be a time such as",
	"code,used_date\na,2026-02-30\n":          "line 2: used_date must be a time",
	"code,used_date\na,2026-1-1\n":            "line 2: used_date must be a time",
	"code,used_date\na,2026-11-22 12:00:00\n": "line 2: used_date must be a time",
	"code,used_date\na,\"2026-11-22T12:00:00,5Z\"\n":    "line 2: used_date must be a time",
	"code,used_date\na,2026-11-22T9:00:00Z\n":           "line 2: used_date must be a time",
	"code,purchase_date\na,0001-01-01T00:00:00Z\n":      "line 2: purchase_date must be in the years 1970 to 9999",
	"code,purchase_date\na,9999-12-31T23:59:59-10:00":   "line 2: purchase_date must be in the years",
	"code,order_id\na,\"x\ny\"\n":                       "line 2: order_id has a control character",
	"code,order_id\na,x\x00\n":                          "line 2: order_id has a control character",
	"code,address\na,\"x\ny\tz\"\n":                     "line 2: address has a control character",
	"code,address\na,x\ry\n":                            "line 2: address has a control character",
	"code,address\na,x\u0085\n":                         "line 2: address has a control character",
	"code,address\na,\xff\n":                            "line 2: address is not UTF-8",
	"code,message\na," + long + "\n":                    "line 2: message is longer than 1024 bytes",
	"code\n\"a\nb\n":                                    "line 2: a quote is out of place or never closed",
	"code\na\"b\n":                                      "line 2: a quote is out of place",
	"code\na\n\n\"b" + strings.Repeat("\n", 1<<20):      "line 4: the row is longer than 64 KiB",
	"code\n\n" + strings.Repeat("x", 1<<20):             "line 3: the row is longer than 64 KiB",
	"code\na\n" + strings.Repeat("\n", 1<<20) + "b\n":   "line 2: the row is longer than 64 KiB",
	"code,address\na,\"1\n2\n3\"\n\nb,\"4\n5\"\nc d,\n": "line 8: code must be",
}

func TestInvalidKeys(t *testing.T) {
	for file, want := range invalidKeys {
		_, err := read(file)
		var line csvfile.LineError
		if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.As(err, &line) {
			t.Errorf("%.60q: %v\nwant %s", file, err, want)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\r\x00") {
			t.Errorf("%.60q: %q is not one line", file, err)
		}
	}
}

// TestErrorsQuoteNoCode checks that the error of a file without a header does not quote the file.
func TestErrorsQuoteNoCode(t *testing.T) {
	for _, file := range []string{"SECRETCODE\n", "code\nSECRET CODE\n", "code,SECRETCOD3\n", "code,used\na,SECRETCODE\n", "code,used\nSECRETCODE\n"} {
		if _, err := read(file); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: %v", file, err)
		}
	}
}

// TestSecondRead checks that a second iteration returns an error, so that a store that retries does not
// import an empty file.
func TestSecondRead(t *testing.T) {
	s := csvfile.New(strings.NewReader("code\na\n"))
	for _, err := range s.Keys() {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	for _, err := range s.Keys() {
		if !errors.Is(err, csvfile.ErrAlreadyRead) {
			t.Errorf("got %v", err)
		}
		return
	}
	t.Error("the second read yields nothing")
}

func TestReadError(t *testing.T) {
	failure := errors.New("the disk is gone")
	s := csvfile.New(io.MultiReader(strings.NewReader("code\na\n"), broken{failure}))
	var last error
	for _, err := range s.Keys() {
		last = err
	}
	if !errors.Is(last, failure) {
		t.Errorf("got %v", last)
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// TestLineOf checks the line of every row of a file in which row numbers and line numbers differ.
func TestLineOf(t *testing.T) {
	file, want := "code,address\n", []int{}
	for i, lines := 0, 1; i < 1000; i++ {
		want = append(want, lines+1)
		breaks := i % 7 % 3
		file += fmt.Sprintf("c%d,\"x%sx\"\n", i, strings.Repeat("\n", breaks))
		lines += breaks + 1
	}
	s := csvfile.New(strings.NewReader(file))
	row := 0
	for _, err := range s.Keys() {
		if row++; err != nil {
			t.Fatal(err)
		}
	}
	for i, line := range want {
		err := s.LineOf(fmt.Errorf("import: %w", adminstore.RowError{Row: i + 1, Err: adminstore.ErrExists}))
		if wanted := (csvfile.LineError{Line: line, Err: adminstore.ErrExists}); !errors.Is(err, wanted) {
			t.Fatalf("row %d: %v, not %v", i+1, err, wanted)
		}
	}
	if row != len(want) {
		t.Errorf("%d rows", row)
	}
	if err := s.LineOf(io.ErrUnexpectedEOF); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if err := s.LineOf(adminstore.RowError{Err: adminstore.ErrExists}); err != adminstore.ErrExists { //nolint:errorlint // it stands alone
		t.Errorf("got %v", err)
	}
	if err := s.LineOf(nil); err != nil {
		t.Errorf("got %v", err)
	}
}

// TestConstantMemory reads a large file and checks how much memory is in use.
func TestConstantMemory(t *testing.T) {
	const rows = 200_000
	s := csvfile.New(io.MultiReader(strings.NewReader("code,order_id\n"), &endless{left: rows}))
	before, n := heap(), 0
	for _, err := range s.Keys() {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; n != rows || grown > 1<<20 {
		t.Errorf("%d rows, %d bytes more", n, grown)
	}
	runtime.KeepAlive(s)
}

// heap returns the number of heap bytes in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// endless generates rows without storing them.
type endless struct {
	left int
	rest []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.left == 0 {
			return 0, io.EOF
		}
		e.rest = fmt.Appendf(nil, "code-%d,order\n", e.left)
		e.left--
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func seq(all ...keys.Key) func(func(keys.Key, error) bool) {
	return func(yield func(keys.Key, error) bool) {
		for _, k := range all {
			if !yield(k, nil) {
				return
			}
		}
	}
}

// write returns the file of some keys.
func write(t testing.TB, spreadsheet bool, all ...keys.Key) string {
	t.Helper()
	var b bytes.Buffer
	if err := csvfile.WriteKeys(&b, seq(all...), spreadsheet); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
