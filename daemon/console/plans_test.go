package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// formSecret returns the secret of the forms of a session.
func (s fixture) formSecret(cookie string) string {
	s.Helper()
	return regexp.MustCompile(`name="form" value="(\w+)"`).FindStringSubmatch(s.get(200, "/console/keys", cookie))[1]
}

// plan returns the stored plan with that id.
func (s fixture) plan(id string) stock.Plan {
	s.Helper()
	all, err := s.store.Plans(s.Context(), 0, 1000)
	if err != nil {
		s.Fatal(err)
	}
	for _, p := range all {
		if p.ID == id {
			return p
		}
	}
	return stock.Plan{}
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// TestPlanForm adds a plan, edits it, and puts it back into stock: retired, full and expired.
func TestPlanForm(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	cookie := s.signIn()
	form := s.formSecret(cookie)
	save := func(code int, pairs ...string) string {
		t.Helper()
		w := s.send("/console/plan/save", cookie, values(append([]string{"form", form}, pairs...)...))
		if w.Code != code {
			t.Errorf("%v: %d, want %d: %s", pairs, w.Code, code, w.Body)
		}
		return w.Body.String()
	}
	added := []string{"new", "yes", "id", "p-1", "country", "us", "slots", "5", "address", "1 High Street\r\nTown", "invite", "inv", "expires_at", "2026-12-01"}
	s.expect(s.get(200, "/console/plan/new", cookie), []string{`name="id"`, `value="5"`}, nil)
	save(303, added...)
	if p := s.plan("p-1"); p.Country != "US" || p.Size != 5 || p.Address != "1 High Street\nTown" || p.ExpiresAt.Format("2006-01-02 15:04") != "2026-12-02 00:00" {
		t.Errorf("%+v", p)
	}
	s.expect(s.get(200, "/console/plans", cookie), []string{"The plan p-1 is saved.", `aria-label="Edit plan p-1"`, `aria-label="Retire plan p-1"`}, []string{"Put back plan"})
	s.expect(save(422, added...), []string{"a plan with this id exists already", `value="inv"`}, nil)
	s.expect(save(422, "id", "p-1", "country", "USA", "slots", "5"), []string{"must be an ISO 3166-1 alpha-2 code"}, nil)
	s.expect(save(422, "id", "a b", "new", "yes", "country", "US", "slots", "5"), []string{"printable ASCII characters with no space"}, nil)
	s.expect(save(422, "id", "p-1", "country", "US", "slots", "many"), []string{"the number of slots is not a number"}, nil)
	s.expect(save(422, "id", "p-1", "country", "US", "slots", "5", "expires_at", "31.01.2027"), []string{"a date such as 2026-11-22.", `value="31.01.2027"`}, nil)

	s.send("/console/plan/retire", cookie, values("form", form, "id", "p-1"))
	s.expect(s.get(200, "/console/plans", cookie), []string{"The plan is retired.", `aria-label="Put back plan p-1"`}, []string{"Retire plan"})
	s.expect(s.get(200, "/console/plan/restock?id=p-1", cookie), []string{"Put this plan back into stock?"}, nil)
	if w := s.send("/console/plan/restock", cookie, values("form", form, "id", "p-1")); w.Code != 303 || s.plan("p-1").Retired {
		t.Errorf("%d %s, %+v", w.Code, w.Body, s.plan("p-1"))
	}
	*s.now = s.now.AddDate(0, 1, 0)
	cookie = s.signIn()
	form = s.formSecret(cookie)
	s.expect(s.get(200, "/console/plans", cookie), []string{`href="/console/plan/edit?id=p-1" aria-label="Put back plan p-1"`, ">expired<"}, nil)
	s.expect(s.get(200, "/console/plan/edit?id=p-1", cookie), []string{"The plan has expired.", "2026-12-02T00:00:00Z", "1 High Street\nTown"}, nil)
	s.importPlan("p-2", 1)
	const reason = "The plan has expired: edit it, and enter a later time, or none."
	for path, fields := range map[string]url.Values{
		"/console/plan/restock": values("form", form, "id", "p-1"),
		"/console/bulk":         values("form", form, "id", "p-1", "noun", "plan", "verb", "restock", "step", "act"),
	} {
		s.expect(s.send(path, cookie, fields).Body.String(), []string{reason}, nil)
	}
	both := values("form", form, "noun", "plan", "verb", "restock", "step", "act")
	both["id"] = []string{"p-1", "p-2"}
	s.expect(s.send("/console/bulk", cookie, both).Body.String(), []string{"Done for 1, not done for 1."}, nil)
	save(303, "id", "p-1", "country", "US", "slots", "6")
	if p := s.plan("p-1"); !p.Available(*s.now) || p.Size != 6 || p.Invite != "" {
		t.Errorf("%+v", p)
	}
	s.get(404, "/console/plan/edit?id=nothing", cookie)
}

// TestPlanFormReadsOnePlan checks that neither the form nor an import reads the list of plans.
func TestPlanFormReadsOnePlan(t *testing.T) {
	s := newFixture(t, func(o *console.Options) { o.AdminStore = noPlanList{o.AdminStore} })
	s.importPlan("p", 2)
	cookie := s.signIn()
	form := s.formSecret(cookie)
	s.expect(s.get(200, "/console/plan/edit?id=p", cookie), []string{`value="p"`}, nil)
	s.expect(s.upload("/console/plans/import", cookie, form, "id,country,slots\np,US,2\n").Body.String(), []string{"1 unchanged."}, nil)
}

type noPlanList struct{ adminstore.AdminStore }

func (noPlanList) Plans(context.Context, int64, int) ([]stock.Plan, error) {
	return nil, errors.New("the list of plans is read")
}

// TestPlansNeedWrite checks that a support token gets no form for plans, and cannot change or import anything.
func TestPlansNeedWrite(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	s.tokens.TokenList[0].Role = admin.Support
	s.importPlan("p", 2)
	cookie := s.signIn()
	form := s.formSecret(cookie)
	for _, path := range []string{"/console/plan/new", "/console/plan/edit?id=p", "/console/plans/import", "/console/keys/import"} {
		s.expect(s.get(200, path, cookie), []string{"Your role does not allow this."}, []string{`name="file"`, `name="slots"`})
	}
	s.expect(s.get(200, "/console/plans", cookie), nil, []string{"New plan", "Edit"})
	for path, w := range map[string]*httptest.ResponseRecorder{
		"save":   s.send("/console/plan/save", cookie, values("form", form, "id", "p", "country", "US", "slots", "7")),
		"plans":  s.upload("/console/plans/import", cookie, form, "id,country,slots\np,US,7\n"),
		"keys":   s.upload("/console/keys/import", cookie, form, "code\nA\n"),
		"action": s.send("/console/plan/restock", cookie, values("form", form, "id", "p")),
	} {
		if w.Code != 403 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if s.plan("p").Size != 2 {
		t.Errorf("%+v", s.plan("p"))
	}
}

// TestPlansOutOfStock checks that the overview and the list of plans show the slots of an expired plan as idle.
func TestPlansOutOfStock(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	s.importPlan("p", 7)
	if err := s.store.EditPlans(t.Context(), []stock.PlanEdit{{ID: "p", ExpiresAt: s.now}}); err != nil {
		t.Fatal(err)
	}
	*s.now = s.now.Add(time.Minute)
	cookie := s.signIn()
	for path, cells := range map[string]string{"/": `<td class="n">7</td>`, "/console/plans": `<td class="n">7</td><td class="n">7</td>`} {
		_, row, _ := strings.Cut(s.get(200, path, cookie), `<th scope="row" class="code">p</th>`)
		row, _, _ = strings.Cut(row, "</tr>")
		s.expect(row, []string{">expired<", cells + "<td><time"}, nil) // the idle slots, and in the list of plans then all slots
	}
}

// TestStock checks that the overview shows the ten emptiest countries with their marks, and links to the others.
func TestStock(t *testing.T) {
	s := newFixture(t, func(o *console.Options) {
		o.LowStock = func(c stock.Country) (int, bool) { return 3, c != "AD" }
	})
	for i, country := range []stock.Country{"AD", "AE", "AF", "AL", "AM", "AR", "AT", "AU", "DE", "FR", "US", "ZW"} {
		size := 12 - i
		if err := s.store.EditPlans(t.Context(), []stock.PlanEdit{{ID: fmt.Sprint(i), Country: &country, Size: &size}}); err != nil {
			t.Fatal(err)
		}
	}
	cookie := s.signIn()
	page := s.get(200, "/", cookie)
	s.expect(page, []string{"All 12 countries", `<span class="pill warn">low</span>`, `>Low at<`, `>Days left<`}, []string{"Andorra", "United Arab Emirates"})
	if n := strings.Count(page, ">low<"); n != 3 || strings.Index(page, "Zimbabwe") > strings.Index(page, "United States") {
		t.Errorf("%d countries are low:\n%s", n, page)
	}
	s.expect(s.get(200, "/console/stock", cookie), []string{"Andorra", "Zimbabwe"}, []string{"All 12 countries"})
}
