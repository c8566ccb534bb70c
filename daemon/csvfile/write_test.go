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
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/archive"
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

func TestFormulasAreEscaped(t *testing.T) {
	var all []keys.Key
	for _, s := range []string{"=a", "+a", "-a", "@a", "\ta", "\ra", "\na", "＝a", "a=", "'a", ""} {
		all = append(all, keys.Key{Code: "=c", Status: keys.Active, OrderID: "o", Address: s})
	}
	got := write(t, true, all...)
	if n := strings.Count(got, "'=c,"); n != len(all) {
		t.Errorf("%d codes are escaped", n)
	}
	if n := strings.Count(got, ",'") + strings.Count(got, ",\"'"); n != 9 {
		t.Errorf("%d addresses begin with an apostrophe: %s", n, got)
	}
}

func TestWriteErrors(t *testing.T) {
	failure := errors.New("the store is gone")
	err := csvfile.WriteKeys(io.Discard, func(yield func(keys.Key, error) bool) { yield(keys.Key{}, failure) }, false)
	if !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if err := csvfile.WriteKeys(full{}, seq(keys.Key{}), false); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

var (
	cell      = rapid.StringMatching("[ -~é=+@'\"＝,-]{0,20}")
	multiline = rapid.StringMatching("[ -~é=+@'\",\n-]{0,20}")
	anyTime   = rapid.Custom(func(t *rapid.T) time.Time {
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
			PurchaseDate: anyTime.Draw(t, "purchased"), UsedDate: anyTime.Draw(t, "used at"),
			OrderID: cell.Draw(t, "order"), Username: cell.Draw(t, "username"), VerifyAddress: multiline.Draw(t, "verify"),
			Address: multiline.Draw(t, "address"), Message: multiline.Draw(t, "message"), Revoked: rapid.Bool().Draw(t, "revoked"),
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

func TestArchive(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	var ended, history strings.Builder
	a, err := csvfile.NewArchive(&ended, &history)
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range []archive.Rows{{}, {
		Tasks: []tasks.Task{{
			ID: "T", Code: "=K", Kind: tasks.Upgrade, Country: "US", Version: 3, Fence: 2, Ordinal: 1, Faulty: []string{"elm", "oak"}, Slot: stock.Free,
			Plan: tasks.PlanSnapshot{ID: "ash", Address: "1 High Street,\nLondon", Invite: "link"}, Attempts: 4, CountedAttempts: 3, LostLeases: 1, InDoubt: true,
			FirstAttempt: at, CreatedAt: at, DueAt: at, EndedAt: at, Outcome: tasks.SystemError, Sealed: []byte("secret"),
		}},
		Lines: []tasks.HistoryEntry{{Seq: 9, Change: "C", N: 1, Event: tasks.Event{
			At: at, Type: tasks.EventEnded, Code: "=K", Task: "T", Kind: tasks.Upgrade, Outcome: tasks.SystemError,
			Plan: "ash", From: stock.Held, To: stock.Free, Note: `a "note"`,
		}}},
	}} {
		if err := a.Write(rows); err != nil {
			t.Fatal(err)
		}
	}
	const when = "2026-01-02T03:04:05.000006Z"
	wantTasks := "code,id,kind,country,version,fence,plan,plan_address,plan_invite,ordinal,slot,faulty,asked,tries,lost,doubt,first_asked,created,due,ended,outcome\n" +
		"=K,T,upgrade,US,3,2,ash,\"1 High Street,\nLondon\",link,1,free,elm oak,4,3,1,1," + when + "," + when + "," + when + "," + when + ",system_error\n"
	wantHistory := "code,change,n,at,cause,task,kind,outcome,plan,from,to,note\n" +
		"=K,C,1," + when + `,ended,T,upgrade,system_error,ash,held,free,"a ""note"""` + "\n"
	if ended.String() != wantTasks || history.String() != wantHistory {
		t.Errorf("got\n%s\n%s", ended.String(), history.String())
	}
}
