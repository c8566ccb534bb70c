package blackbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestStock(t *testing.T) {
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
		at := len(names) - i // so that the order of import is another one
		rows = append(rows, fmt.Sprintf("plan-%d,%s,%d,", at, strings.ToLower(name[0]), at))
		want = append(want, country(name[1], name[0], at))
	}
	rows = append(rows, "late,FR,5,2020-01-01", "none,IT,0,", "coming,DE,3,2999-01-01T00:00:00Z", "gone,ES,5,", "full,PT,5,")
	want[6] = country("Germany", "DE", len(names)-6+3)
	eachDatabase(t, func(s *shop) {
		d := s.serve()
		d.is(d.get("stock"), http.StatusOK, "[]")
		s.mustFeed(strings.Join(rows, "\n"), "plans", "import", "-")
		s.must("plans", "retire", "gone")
		s.fresh("held", "lost", "failed", "spent")
		d.accepted(upgrade("lost", "plan_full@example.com", "PT"))
		d.endsAs("lost", "failed_upgrade", messages["plan_full"])
		for _, query := range []string{"stock", "stock=", "stock=1&utm=x"} {
			d.is(d.get(query), http.StatusOK, "["+strings.Join(want, ",")+"]")
		}
		d.is(d.post("stock"), http.StatusOK, "["+strings.Join(want, ",")+"]")

		d.accepted(upgrade("held", pending, "ZW")) // the last one there
		d.accepted(upgrade("failed", "wrong_address@example.com", "US"))
		d.accepted(upgrade("spent", "success@example.com", "GB"))
		d.endsAs("failed", "failed_upgrade", messages["wrong_address"])
		d.endsAs("spent", "success", "")
		sold := append([]string(nil), want[:14]...)
		sold[11] = country("United Kingdom", "GB", len(names)-11-1)
		d.is(d.get("stock"), http.StatusOK, "["+strings.Join(sold, ",")+"]")
	})
}

func country(name, code string, slots int) string {
	return fmt.Sprintf(`{"country":"%s","country_code":"%s","slots":%d}`, name, code, slots)
}

// TestPlansAreTakenInOrder holds that the oldest live plan is the one chosen, and that importing a
// plan again puts it back.
func TestPlansAreTakenInOrder(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importPlans("z,US,1,1 Z Street,inv-z", "a,US,1,1 A Street,inv-a", "m,US,1,1 M Street,inv-m")
		s.must("plans", "retire", "z")
		s.fresh("k1", "k2", "k3", "k4")
		d := s.serve()
		for i, want := range []string{"1 A Street", "1 M Street"} {
			code := fmt.Sprint("k", i+1)
			d.accepted(upgrade(code, "success@example.com", "US"))
			if k := d.ends(code); k.VerifyAddress != want {
				s.Errorf("%s is at %q, not %q", code, k.VerifyAddress, want)
			}
		}
		d.accepted(upgrade("k3", "success@example.com", "US"))
		d.is(d.get("info=k3"), http.StatusOK, `{"status":"failed_upgrade","message":"`+messages["out_of_stock"]+`","used":0,"purchase_date":null,"used_date":null}`)
		s.mustFeed("slots,id,country\n2,z,us\n", "plans", "import", "-")
		d.accepted(upgrade("k4", "success@example.com", "US"))
		if k := d.ends("k4"); k.VerifyAddress != "1 Z Street" {
			s.Errorf("k4 is at %q", k.VerifyAddress)
		}
		if r := s.feed("id,country,slots\nz,US,0\n", "plans", "import", "-"); r.code != 1 || !strings.Contains(r.err, "line 2") {
			s.Errorf("a plan was made smaller than what is spent of it: %+v", r)
		}
		if n := len(s.provider.Requests()); n != 3 {
			s.Errorf("the provider was asked %d times", n)
		}
	})
}

// TestADateEndsWithItsDay holds that a plan whose expires_at is today's date is in stock today, and that
// what is listed imports again as the same time.
func TestADateEndsWithItsDay(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		today := time.Now().UTC()
		day := func(n int) string { return today.AddDate(0, 0, n).Format(time.DateOnly) }
		s.mustFeed("id,country,slots,expires_at\nold,US,1,"+day(-1)+"\nlast,US,2,"+day(1)+"\nnow,US,4,"+day(0)+"\n", "plans", "import", "-")
		o, _ := s.administered()
		if a := o.do("PUT", "/plans/api", `{"country":"US","slots":8,"expires_at":"`+day(0)+`"}`); a.code != http.StatusNoContent {
			s.Errorf("a plan: %d %s", a.code, a.body)
		}
		if time.Now().UTC().Day() != today.Day() {
			return // midnight has passed since
		}
		o.is(o.get("stock"), http.StatusOK, "["+country("United States", "US", 14)+"]")
		list := s.must("plans", "list", "--output", "json")
		var plans []map[string]any
		s.list(&plans, "plans", "list")
		for _, p := range plans {
			s.mustFeed(fmt.Sprintf("id,country,slots,expires_at\n%v,US,%v,%v\n", p["id"], p["slots"], p["expires_at"]), "plans", "import", "-")
		}
		if again := s.must("plans", "list", "--output", "json"); again != list {
			s.Errorf("listed\n%s\nimported again\n%s", list, again)
		}
		for _, of := range [][]string{{"plans", "import"}, {"keys", "import"}, {"archive"}, {"webhooks", "replay"}} {
			if help := s.must(append(of, "--help")...); !strings.Contains(help, "UTC") {
				s.Errorf("%v: the help does not say what a date is:\n%s", of, help)
			}
		}
	})
}
