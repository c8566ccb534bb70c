package blackbox_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A manner is how the provider treats a task, and what must become of it.
type manner struct {
	login   string // its local part
	asked   int    // how often, of three attempts that may fail
	outcome string
	slot    string // where the slot is then
}

var manners = []manner{
	// Nothing can have been done: asked again, then the slot is free.
	{"401", 3, "system_error", "free"},
	{"403", 3, "system_error", "free"},
	{"404", 3, "system_error", "free"},
	{"408", 3, "system_error", "free"},
	{"429", 3, "system_error", "free"},
	{"429=0", 3, "system_error", "free"},
	// Something may have been.
	{"500", 3, "system_error", "suspect"},
	{"500_after", 3, "system_error", "suspect"},
	{"502", 3, "system_error", "suspect"},
	{"503=0", 3, "system_error", "suspect"},
	{"503=garbage", 3, "system_error", "suspect"},
	{"201", 3, "system_error", "suspect"},
	{"204", 3, "system_error", "suspect"},
	{"304", 3, "system_error", "suspect"},
	{"redirect", 3, "system_error", "suspect"},
	{"redirect_after", 3, "system_error", "suspect"},
	{"cut", 3, "system_error", "suspect"},
	{"cut_after", 3, "system_error", "suspect"},
	{"silent", 3, "system_error", "suspect"},
	{"drip", 3, "system_error", "suspect"},
	{"html", 3, "system_error", "suspect"},
	{"empty", 3, "system_error", "suspect"},
	{"huge", 3, "system_error", "suspect"},
	{"truncated", 3, "system_error", "suspect"},
	{"no_outcome", 3, "system_error", "suspect"},
	{"404+500+404", 3, "system_error", "suspect"},
	// Any other 4xx is final, but it does not remove a doubt.
	{"400", 1, "system_error", "free"},
	{"402", 1, "system_error", "free"},
	{"409", 1, "system_error", "free"},
	{"422", 1, "system_error", "free"},
	{"451", 1, "system_error", "free"},
	{"404+400", 2, "system_error", "free"},
	{"500+400", 2, "system_error", "suspect"},
	{"202+422", 2, "system_error", "suspect"},
	// A readable 200 settles it, whatever was before.
	{"odd_outcome", 1, "system_error", "free"},
	{"500+odd_outcome", 2, "system_error", "free"},
	{"500+wrong_address", 2, "wrong_address", "free"},
	{"cut_after+success", 2, "success", "spent"},
	{"silent_after+success", 2, "success", "spent"},
	{"404+503=0+success", 3, "success", "spent"},
	{"slow=100+success", 1, "success", "spent"},
	// Who is still at work is asked again, and that is no attempt.
	{"202+202+202+202+success", 5, "success", "spent"},
	{"202+500+202+500+202+already_member", 6, "already_member", "free"},
}

func TestMannersOfTheProvider(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		rows, plans := []string{"code"}, []string(nil)
		for i := range manners {
			rows = append(rows, fmt.Sprintf("K%d", i))
			plans = append(plans, fmt.Sprintf("p%d,%s,1,,", i, countries[i]))
		}
		s.importKeys(rows...)
		s.importPlans(plans...)
		d := s.serve("--task-attempts", "3", "--connector-timeout", "500ms")
		for i, m := range manners {
			d.accepted(upgrade(fmt.Sprintf("K%d", i), m.login+"@example.com", countries[i]))
		}
		for i := range manners {
			d.ends(fmt.Sprintf("K%d", i))
		}
		all := s.plans()
		for i, m := range manners {
			d.judge(m, fmt.Sprintf("K%d", i), all[fmt.Sprintf("p%d", i)])
		}
		for _, r := range s.provider.Requests() {
			if r.Path != "/upgrade" {
				s.Errorf("a request for %s", r.Path)
			}
		}
	})
}

// judge compares what became of a task with what should have.
func (d *daemon) judge(m manner, code string, p plan) {
	d.Helper()
	status, message := "failed_upgrade", messages[m.outcome]
	if m.outcome == "success" {
		status = "success"
	}
	if k := d.info(code); k.Status != status || k.Message != message {
		d.Errorf("%s: %s", m.login, k.body)
	}
	if n := map[string]int{"free": p.Free, "spent": p.Spent, "suspect": p.Suspect}[m.slot]; n != 1 {
		d.Errorf("%s: the slot should be %s: %+v", m.login, m.slot, p)
	}
	if n := len(d.asked(m.login + "@example.com")); n != m.asked {
		d.Errorf("%s: asked %d times, not %d", m.login, n, m.asked)
	}
}

// TestEightAttempts holds that as many are the default, that each is the same request, and that the
// operator settles what they leave.
func TestEightAttempts(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importKeys("code,used", "K,", "L,", "M,1")
		s.importPlans("p,US,2,1 Main Street,inv", "q,FR,2,2 Main Street,inv")
		d := s.serve()
		d.accepted(upgrade("K", "500@example.com", "US"))
		d.accepted(upgrade("L", "cut@example.com", "FR"))
		d.accepted(renew("M", "503@example.com"))
		d.endsAs("K", "failed_upgrade", messages["system_error"])
		d.endsAs("L", "failed_upgrade", messages["system_error"])
		d.endsAs("M", "failed", messages["system_error"])
		for _, login := range []string{"500@example.com", "cut@example.com", "503@example.com"} {
			d.sameRequest(login, 8)
		}
		all := s.tasks("--state", "suspect")
		if len(all) != 2 || s.plans()["p"].Suspect != 1 || s.plans()["q"].Suspect != 1 {
			s.Fatalf("suspect: %+v", all)
		}
		slices.SortFunc(all, func(x, y task) int { return int(x.Code[0]) - int(y.Code[0]) })
		before := time.Now().Truncate(time.Second)
		s.must("tasks", "resolve", all[0].ID, "--outcome", "success")
		s.must("tasks", "resolve", all[1].ID, "--outcome", "invalid_credentials")
		k := d.info("K")
		d.is(d.get("info=K"), 200, `{"status":"success","message":"","username":"","verify_address":"1 Main Street","used":1,"purchase_date":null,`+stamp(d, k, before)+`}`)
		d.endsAs("L", "failed_upgrade", messages["invalid_credentials"])
		if p, q := s.plans()["p"], s.plans()["q"]; p.Spent != 1 || p.Free != 1 || q.Free != 2 {
			s.Errorf("resolved: %+v %+v", p, q)
		}
		if r := s.cli("tasks", "resolve", all[0].ID, "--outcome", "success"); r.code != 1 {
			s.Errorf("resolved twice: %+v", r)
		}
	})
}

// sameRequest holds that a login was asked about so often, with one key and body.
func (d *daemon) sameRequest(login string, times int) {
	d.Helper()
	all := d.asked(login)
	if len(all) != times {
		d.Errorf("%s: asked %d times, not %d", login, len(all), times)
	}
	for i, r := range all {
		if r.Key() != r.Order.Task+"-1" || string(r.Body) != string(all[0].Body) || r.Header.Get("Keyseat-Attempt") != fmt.Sprint(i+1) {
			d.Errorf("asking %d of %s has the key %s and the attempt %s", i+1, login, r.Key(), r.Header.Get("Keyseat-Attempt"))
		}
	}
}

// TestResolveOfAnOldTask holds that the key follows only if the task is its latest.
func TestResolveOfAnOldTask(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("K")
		s.importPlans("p,US,5,,")
		d := s.serve("--task-attempts", "1")
		d.accepted(upgrade("K", "500@example.com", "US"))
		d.endsAs("K", "failed_upgrade", messages["system_error"])
		d.accepted(upgrade("K", "wrong_address@example.com", "US"))
		d.endsAs("K", "failed_upgrade", messages["wrong_address"])
		s.must("tasks", "resolve", s.tasks("--state", "suspect")[0].ID, "--outcome", "success")
		d.endsAs("K", "failed_upgrade", messages["wrong_address"])
		if p := s.plans()["p"]; p.Spent != 1 || p.Free != 4 {
			s.Errorf("resolved: %+v", p)
		}
	})
}

// TestRefusedConnections holds that a service that is not there leaves nothing in doubt.
func TestRefusedConnections(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importKeys("code,used", "K,", "L,1")
		s.importPlans("p,US,1,,")
		d := s.serve("--connector", "http://"+closedPort(s), "--task-attempts", "3")
		d.accepted(upgrade("K", "a@example.com", "US"))
		d.accepted(renew("L", "a@example.com"))
		d.is(d.get("stock"), 200, "[]")
		d.endsAs("K", "failed_upgrade", messages["system_error"])
		d.endsAs("L", "failed", messages["system_error"])
		d.is(d.get("stock"), 200, "["+country("United States", "US", 1)+"]")
		for _, task := range s.tasks() {
			if task.Asked != 3 {
				s.Errorf("asked %d times", task.Asked)
			}
		}
	})
}

// closedPort is an address on loopback where nobody listens.
func closedPort(s *shop) string {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it has served
	return l.Addr().String()
}

// TestDeadline holds that who is at work for ever is asked no more after it.
func TestDeadline(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("K")
		s.importPlans("p,US,1,,")
		d := s.serve("--task-deadline", "1500ms")
		d.accepted(upgrade("K", "202@example.com", "US"))
		d.endsAs("K", "failed_upgrade", messages["system_error"])
		if p := s.plans()["p"]; p.Suspect != 1 {
			s.Errorf("past the deadline: %+v", p)
		}
		if n := len(s.asked("202@example.com")); n < 2 {
			s.Errorf("asked %d times", n)
		}
	})
}

// TestRetryAfter holds that a pause that the provider asks for is kept, and that an operator's retry
// ends it.
func TestRetryAfter(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("K", "L")
		s.importPlans("p,US,2,,")
		d := s.serve()
		start := time.Now()
		d.accepted(upgrade("K", "503=2+success@example.com", "US"))
		d.accepted(upgrade("L", "429=86400+success@example.com", "US"))
		d.endsAs("K", "success", "")
		if took := time.Since(start); took < 2*time.Second {
			s.Errorf("asked again after %s", took)
		}
		if n := len(s.asked("429=86400+success@example.com")); n != 1 {
			s.Errorf("asked %d times in two seconds", n)
		}
		left := s.tasks("--state", "open")[0]
		if left.Due == nil || left.Due.After(start.Add(2*time.Minute+2*time.Second)) || left.Due.Before(start.Add(100*time.Second)) {
			s.Errorf("told to wait for a day, the task is due at %v", left.Due)
		}
		s.must("tasks", "retry", left.ID)
		d.endsAs("L", "success", "")
	})
}

// TestWhatTheProviderIsAsked has the requests of both kinds, to the byte.
func TestWhatTheProviderIsAsked(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.provider.Token = "t0ken"
		token := filepath.Join(s.folder, "token")
		if err := os.WriteFile(token, []byte("t0ken\n"), 0o600); err != nil {
			s.Fatal(err)
		}
		s.importKeys("code,used", "K,", "L,1", "M,1", "N,1", "O,1", "P,1")
		s.importPlans(`p,de,1,"1 ""Main"" <Street>",https://invite.example/?a=1&b=2`)
		d := s.serve("--connector-token-file", token)
		d.accepted(q("upgrade", "K", "login", "a&b@example.com", "pwd", `"<é>\`, "country", "de", "newemail", "no", "newpwd", "no"))
		d.accepted(q("renew", "L", "login", "c@example.com", "pwd", password, "country", "us", "newemail", "new@example.com"))
		d.accepted(q("renew", "M", "login", "d@example.com", "pwd", password, "country", "US"))
		d.accepted(q("renew", "N", "login", "e@example.com", "pwd", password))
		d.accepted(q("renew", "O", "login", "f@example.com", "pwd", password, "country", " ", "newemail", "", "newpwd", ""))
		d.accepted(q("renew", "P", "login", "g@example.com", "pwd", password, "country", "", "newpwd", `n"<é>\ 12345`))
		d.endsAs("K", "success", "")
		for _, code := range []string{"L", "M", "N", "O", "P"} {
			d.endsAs(code, "success_renew", "Key Renewed")
		}
		for login, want := range map[string]string{
			"a&b@example.com": `"kind":"upgrade","country":"DE","account":{"login":"a&b@example.com","password":"\"<é>\\"},"plan":{"id":"p","address":"1 \"Main\" <Street>","invite":"https://invite.example/?a=1&b=2"}}`,
			"c@example.com":   `"kind":"renew","country":"US","account":{"login":"c@example.com","password":"` + password + `","new_email":"new@example.com"}}`,
			"d@example.com":   `"kind":"renew","country":"US","account":{"login":"d@example.com","password":"` + password + `"}}`,
			"e@example.com":   `"kind":"renew","account":{"login":"e@example.com","password":"` + password + `"}}`,
			"f@example.com":   `"kind":"renew","account":{"login":"f@example.com","password":"` + password + `"}}`,
			"g@example.com":   `"kind":"renew","account":{"login":"g@example.com","password":"` + password + `","new_password":"n\"<é>\\ 12345"}}`,
		} {
			all := s.asked(login)
			if len(all) != 1 {
				s.Fatalf("asked %d times for %s", len(all), login)
			}
			r := all[0]
			id, _ := json.Marshal(r.Order.Task) // a string always can be
			if got := string(r.Body); got != `{"task_id":`+string(id)+`,`+want {
				s.Errorf("the request is %s", got)
			}
			if h := r.Header; h.Get("Authorization") != "Bearer t0ken" || h.Get("Content-Type") != "application/json" || h.Get("Keyseat-Attempt") != "1" {
				s.Errorf("its headers are %v", h)
			}
		}
	})
}

// TestSecretsToldBack holds that a provider that answers with a secret makes nobody keep it.
func TestSecretsToldBack(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var order struct{ Account map[string]string }
			_ = json.NewDecoder(r.Body).Decode(&order) // what is missing shows below
			_ = json.NewEncoder(w).Encode(map[string]string{
				"outcome": "success", "username": order.Account["login"], "verify_address": order.Account["password"],
			})
		}))
		defer echo.Close()
		s.fresh("K")
		s.importPlans("p,US,1,1 Main Street,")
		d := s.serve("--connector", echo.URL)
		d.accepted(upgrade("K", "told.back@example.com", "US"))
		if k := d.ends("K"); k.Status != "success" || k.Username != "" || k.VerifyAddress != "1 Main Street" {
			s.Errorf("info shows %s", k.body)
		}
		if text := d.log.String(); strings.Contains(text, "told.back") || strings.Contains(text, password) {
			s.Error("a secret is in the log")
		}
	})
}
