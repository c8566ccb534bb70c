package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

func TestStockListsFreeSlots(t *testing.T) {
	names := [][2]string{ // as English collates them
		{"AF", "Afghanistan"},
		{"AX", "Åland Islands"},
		{"AL", "Albania"},
		{"CI", "Côte d'Ivoire"},
		{"CZ", "Czechia"},
		{"SZ", "Eswatini"},
		{"DE", "Germany"},
		{"XK", "Kosovo"},
		{"MK", "North Macedonia"},
		{"KR", "South Korea"},
		{"TR", "Türkiye"},
		{"GB", "United Kingdom"},
		{"US", "United States"},
		{"VN", "Vietnam"},
		{"ZW", "Zimbabwe"},
	}
	rows := []string{"id,country,slots,expires_at"}
	var want []string
	for i, name := range names {
		at := len(names) - i // another order than that of the names
		rows = append(rows, fmt.Sprintf("plan-%d,%s,%d,", at, strings.ToLower(name[0]), at))
		want = append(want, harness.StockLine(name[1], name[0], at))
	}
	rows = append(rows, "late,FR,5,2020-01-01", "none,IT,0,", "coming,DE,3,2999-01-01T00:00:00Z", "gone,ES,5,", "full,PT,5,")
	want[6] = harness.StockLine("Germany", "DE", len(names)-6+3)
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		d := s.Serve()
		d.Expect(d.Get("stock"), http.StatusOK, "[]")
		s.MustExecInput(strings.Join(rows, "\n"), "plans", "import", "-")
		s.MustExec("plans", "retire", "gone")
		s.AddKeys("held", "lost", "failed", "spent")
		d.MustAccept(harness.Upgrade("lost", "plan_full@example.com", "PT"))
		d.ExpectEnd("lost", "failed_upgrade", harness.Messages["plan_full"])
		for _, query := range []string{"stock", "stock=", "stock=1&utm=x"} {
			d.Expect(d.Get(query), http.StatusOK, "["+strings.Join(want, ",")+"]")
		}
		d.Expect(d.Post("stock"), http.StatusOK, "["+strings.Join(want, ",")+"]")

		d.MustAccept(harness.Upgrade("held", harness.PendingLogin, "ZW")) // the last slot there
		d.MustAccept(harness.Upgrade("failed", "wrong_address@example.com", "US"))
		d.MustAccept(harness.Upgrade("spent", "success@example.com", "GB"))
		d.ExpectEnd("failed", "failed_upgrade", harness.Messages["wrong_address"])
		d.ExpectEnd("spent", "success", "")
		sold := append([]string(nil), want[:14]...)
		sold[11] = harness.StockLine("United Kingdom", "GB", len(names)-11-1)
		d.Expect(d.Get("stock"), http.StatusOK, "["+strings.Join(sold, ",")+"]")
	})
}

// TestOldestPlanIsTakenFirst checks that an upgrade takes a slot of the oldest plan in stock. A retired plan is back in
// stock after it is imported again.
func TestOldestPlanIsTakenFirst(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportPlans("z,US,1,1 Z Street,inv-z", "a,US,1,1 A Street,inv-a", "m,US,1,1 M Street,inv-m")
		s.MustExec("plans", "retire", "z")
		s.AddKeys("k1", "k2", "k3", "k4")
		d := s.Serve()
		for i, want := range []string{"1 A Street", "1 M Street"} {
			code := fmt.Sprint("k", i+1)
			d.MustAccept(harness.Upgrade(code, "success@example.com", "US"))
			if k := d.WaitEnd(code); k.VerifyAddress != want {
				s.Errorf("%s is at %q, not %q", code, k.VerifyAddress, want)
			}
		}
		d.MustAccept(harness.Upgrade("k3", "success@example.com", "US"))
		d.Expect(d.Get("info=k3"), http.StatusOK, `{"status":"failed_upgrade","message":"`+harness.Messages["out_of_stock"]+`","used":0,"purchase_date":null,"used_date":null}`)
		s.MustExecInput("slots,id,country\n2,z,us\n", "plans", "import", "-")
		d.MustAccept(harness.Upgrade("k4", "success@example.com", "US"))
		if k := d.WaitEnd("k4"); k.VerifyAddress != "1 Z Street" {
			s.Errorf("k4 is at %q", k.VerifyAddress)
		}
		if r := s.ExecInput("id,country,slots\nz,US,0\n", "plans", "import", "-"); r.Code != 1 || !strings.Contains(r.Err, "line 2") {
			s.Errorf("a plan got fewer slots than are spent: %+v", r)
		}
		if n := len(s.Provider.Requests()); n != 3 {
			s.Errorf("the provider got %d requests", n)
		}
	})
}

// TestExpiryDateLastsUntilEndOfDay checks that a plan is still sold on the day of its expires_at. The time that plans
// list shows can be imported again.
func TestExpiryDateLastsUntilEndOfDay(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		today := time.Now().UTC()
		day := func(n int) string { return today.AddDate(0, 0, n).Format(time.DateOnly) }
		s.MustExecInput("id,country,slots,expires_at\nold,US,1,"+day(-1)+"\nlast,US,2,"+day(1)+"\nnow,US,4,"+day(0)+"\n", "plans", "import", "-")
		o, _ := s.ServeAdmin()
		if a := o.Call("PUT", "/plans/api", `{"country":"US","slots":8,"expires_at":"`+day(0)+`"}`); a.Code != http.StatusNoContent {
			s.Errorf("a plan: %d %s", a.Code, a.Body)
		}
		if time.Now().UTC().Day() != today.Day() {
			return // midnight has passed
		}
		o.Expect(o.Get("stock"), http.StatusOK, "["+harness.StockLine("United States", "US", 14)+"]")
		list := s.MustExec("plans", "list", "--output", "json")
		var plans []map[string]any
		s.ExecJSON(&plans, "plans", "list")
		for _, p := range plans {
			s.MustExecInput(fmt.Sprintf("id,country,slots,expires_at\n%v,US,%v,%v\n", p["id"], p["slots"], p["expires_at"]), "plans", "import", "-")
		}
		if again := s.MustExec("plans", "list", "--output", "json"); again != list {
			s.Errorf("listed\n%s\nimported again\n%s", list, again)
		}
		for _, of := range [][]string{{"plans", "import"}, {"keys", "import"}, {"archive"}, {"webhooks", "replay"}} {
			if help := s.MustExec(append(of, "--help")...); !strings.Contains(help, "UTC") {
				s.Errorf("%v: the help does not say what a date is:\n%s", of, help)
			}
		}
	})
}
