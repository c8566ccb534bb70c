package csvfile_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/keys"
)

func TestWriteKeys(t *testing.T) {
	at := time.Date(2026, 11, 22, 20, 37, 0, 120_000_000, time.FixedZone("", 3600))
	got := write(
		t, false,
		keys.Key{Code: "a", Status: keys.Active, PurchaseDate: at, OrderID: "=1+1"},
		keys.Key{Code: "b", Status: keys.InQueue, Used: true, Task: "t1", Version: 7},
		keys.Key{Code: "-c", Status: keys.Success, Used: true, Revoked: true, Username: "ann", VerifyAddress: "1 Street, Town\nLand"},
	)
	want := `code,purchase_date,order_id,used,used_date,invite,address,username,verify_address,status,message,revoked
a,2026-11-22T19:37:00.12Z,=1+1,0,,,,,,active,,0
b,,,1,,,,,,active,,0
-c,,,1,,,,ann,"1 Street, Town
Land",success,,1
`
	if got != want {
		t.Errorf("got %s", got)
	}
}

func TestSpreadsheet(t *testing.T) {
	var all []keys.Key
	for _, s := range []string{"=a", "+a", "-a", "@a", "\ta", "\ra", "\na", "＝a", "a=", "'a", ""} {
		all = append(all, keys.Key{Code: "=c", Status: keys.Active, OrderID: "o", Address: s})
	}
	got := write(t, true, all...)
	if n := strings.Count(got, "'=c,"); n != len(all) {
		t.Errorf("%d codes are disarmed", n)
	}
	if n := strings.Count(got, ",'") + strings.Count(got, ",\"'"); n != 9 {
		t.Errorf("%d addresses begin with an apostrophe: %s", n, got)
	}
}

func TestWriteErrors(t *testing.T) {
	fault := errors.New("the store is gone")
	err := csvfile.WriteKeys(io.Discard, func(yield func(keys.Key, error) bool) { yield(keys.Key{}, fault) }, false)
	if !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
	if err := csvfile.WriteKeys(full{}, seq(keys.Key{}), false); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

var (
	cell   = rapid.StringMatching("[ -~é=+@'\"＝,-]{0,20}")
	prose  = rapid.StringMatching("[ -~é=+@'\",\n-]{0,20}")
	moment = rapid.Custom(func(t *rapid.T) time.Time {
		micros := rapid.Int64Range(-1, 4_000_000_000_000_000).Draw(t, "micros")
		if micros < 0 {
			return time.Time{}
		}
		return time.UnixMicro(micros).UTC()
	})
	key = rapid.Custom(func(t *rapid.T) keys.Key {
		code, err := keys.Parse(rapid.StringMatching("[!-~]{1,12}").Draw(t, "code"))
		if err != nil {
			t.Fatal(err)
		}
		k := keys.Key{
			Code: code, Status: rapid.SampledFrom(keys.Statuses()).Draw(t, "status"),
			PurchaseDate: moment.Draw(t, "purchased"), UsedDate: moment.Draw(t, "used at"),
			OrderID: cell.Draw(t, "order"), Username: cell.Draw(t, "username"), VerifyAddress: prose.Draw(t, "verify"),
			Address: prose.Draw(t, "address"), Message: prose.Draw(t, "message"), Revoked: rapid.Bool().Draw(t, "revoked"),
		}
		k.Used = !k.Status.AllowsUsed(false) || k.Status.AllowsUsed(true) && rapid.Bool().Draw(t, "used")
		if k.Used {
			k.Invite = cell.Draw(t, "invite")
		}
		return k
	})
)

// TestRoundTrip checks that written keys are read unchanged, and that they are written to the same bytes
// again.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.SliceOf(key).Draw(rt, "keys")
		file := write(t, false, all...)
		got, err := read(file)
		if err != nil {
			rt.Fatalf("%v\n%s", err, file)
		}
		for i, k := range all {
			if k.Status == keys.InQueue {
				all[i].Status = keys.Active
			}
		}
		if !slices.Equal(got, all) {
			rt.Fatalf("\n got %+v\nwant %+v", got, all)
		}
		if again := write(t, false, got...); again != file {
			rt.Fatalf("%s\nbecomes\n%s", file, again)
		}
	})
}
