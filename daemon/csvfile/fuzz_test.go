package csvfile_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

var files = []string{
	"", "code\n", "\ufeffcode\r\na\r\n", "code,used\na,1\nb,0\n", "code,invite\n\"a\",\"x\"\"y\"\n", "code\n\"", "code\na\x00\n",
	"code,purchase_date,order_id,used,used_date,invite,address,username,verify_address,status,message,revoked\na,2026-11-22,o,1,2026-11-22T19:37:00Z,i,\"x\ny\",u,v,active,m,0\n",
	"sep=;\ncode;used\n\"a;b\";1\n", "code\tused\na\t1\n", "\xff\xfec\x00o\x00d\x00e\x00\n\x00a\x00\n\x00", "\x00c\x00o\x00d\x00e\x00\n\x00a",
	"code\n1E+5\n", "code\n\"=\"\"1\"\"\"\n", "code\n'=1\n", "code\n“00000–00000–00000–00000–000i2”\n",
	"id,country,slots\np,US,6\n", "id,country,address,invite,slots,expires_at\np,us,\"a\nb\",i,6,2027-01-01\n",
}

// FuzzKeys checks that each file has either an error of one line, or keys that can be stored. Keys that
// were read are also the same after they were written and read again.
func FuzzKeys(f *testing.F) {
	for _, file := range files {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file string) {
		all, err := read(file)
		if err != nil {
			checkOneLine(t, err)
			return
		}
		for _, k := range all {
			if code, err := keys.Parse(string(k.Code)); code != k.Code || err != nil {
				t.Fatalf("the code %q, %v", k.Code, err)
			}
			if k.Status == keys.InQueue || !k.Status.AllowsUsed(k.Used) || k.Legacy() && !k.Used {
				t.Fatalf("%+v", k)
			}
		}
		written := write(t, false, all...)
		again, err := read(written)
		if err != nil || write(t, false, again...) != written {
			t.Fatalf("%v: %q", err, written)
		}
	})
}

// FuzzPlans checks that each file has either an error of one line, or edits that can be stored.
func FuzzPlans(f *testing.F) {
	for _, file := range files {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file string) {
		edits, err := csvfile.New(strings.NewReader(file)).Plans()
		if err != nil {
			checkOneLine(t, err)
			return
		}
		for _, e := range edits {
			if !csvfile.ValidID(e.ID) || len(*e.Country) != 2 || *e.Size < 0 || *e.Size > stock.MaxSize {
				t.Fatalf("%+v", e)
			}
		}
	})
}

func checkOneLine(t *testing.T, err error) {
	var line csvfile.LineError
	if !errors.As(err, &line) || line.Line < 1 || !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\r\n\x00") {
		t.Fatalf("%q", err)
	}
}
