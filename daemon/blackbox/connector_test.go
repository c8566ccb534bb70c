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

// A connectorScenario is how the provider treats a task, and what must become of it.
type connectorScenario struct {
	login    string // its local part
	attempts int    // how often, of three attempts that may fail
	outcome  string
	slot     string // where the slot is then
}

var connectorScenarios = []connectorScenario{
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

func TestProviderResponses(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		rows, plans := []string{"code"}, []string(nil)
		for i := range connectorScenarios {
			rows = append(rows, fmt.Sprintf("K%d", i))
			plans = append(plans, fmt.Sprintf("p%d,%s,1,,", i, Countries[i]))
		}
		s.ImportKeys(rows...)
		s.ImportPlans(plans...)
		d := s.Serve("--task-attempts", "3", "--connector-timeout", "500ms")
		for i, m := range connectorScenarios {
			d.MustAccept(Upgrade(fmt.Sprintf("K%d", i), m.login+"@example.com", Countries[i]))
		}
		for i := range connectorScenarios {
			d.WaitEnd(fmt.Sprintf("K%d", i))
		}
		all := s.Plans()
		for i, m := range connectorScenarios {
			d.checkScenario(m, fmt.Sprintf("K%d", i), all[fmt.Sprintf("p%d", i)])
		}
		for _, r := range s.Provider.Requests() {
			if r.Path != "/upgrade" {
				s.Errorf("a request for %s", r.Path)
			}
		}
	})
}

// checkScenario compares what became of a task with what should have.
func (d *Daemon) checkScenario(m connectorScenario, code string, p Plan) {
	d.Helper()
	status, message := "failed_upgrade", Messages[m.outcome]
	if m.outcome == "success" {
		status = "success"
	}
	if k := d.Info(code); k.Status != status || k.Message != message {
		d.Errorf("%s: %s", m.login, k.Body)
	}
	if n := map[string]int{"free": p.Free, "spent": p.Spent, "suspect": p.Suspect}[m.slot]; n != 1 {
		d.Errorf("%s: the slot should be %s: %+v", m.login, m.slot, p)
	}
	if n := len(d.ProviderRequests(m.login + "@example.com")); n != m.attempts {
		d.Errorf("%s: asked %d times, not %d", m.login, n, m.attempts)
	}
}

// TestEightAttemptsAreTheDefault holds that as many are the default, that each is the same request, and that the
// operator settles what they leave.
func TestEightAttemptsAreTheDefault(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.ImportKeys("code,used", "K,", "L,", "M,1")
		s.ImportPlans("p,US,2,1 Main Street,inv", "q,FR,2,2 Main Street,inv")
		d := s.Serve()
		d.MustAccept(Upgrade("K", "500@example.com", "US"))
		d.MustAccept(Upgrade("L", "cut@example.com", "FR"))
		d.MustAccept(Renew("M", "503@example.com"))
		d.ExpectEnd("K", "failed_upgrade", Messages["system_error"])
		d.ExpectEnd("L", "failed_upgrade", Messages["system_error"])
		d.ExpectEnd("M", "failed", Messages["system_error"])
		for _, login := range []string{"500@example.com", "cut@example.com", "503@example.com"} {
			d.expectSameRequest(login, 8)
		}
		all := s.Tasks("--state", "suspect")
		if len(all) != 2 || s.Plans()["p"].Suspect != 1 || s.Plans()["q"].Suspect != 1 {
			s.Fatalf("suspect: %+v", all)
		}
		slices.SortFunc(all, func(x, y Task) int { return int(x.Code[0]) - int(y.Code[0]) })
		before := time.Now().Truncate(time.Second)
		s.MustExec("tasks", "resolve", all[0].ID, "--outcome", "success")
		s.MustExec("tasks", "resolve", all[1].ID, "--outcome", "invalid_credentials")
		k := d.Info("K")
		d.Expect(d.Get("info=K"), 200, `{"status":"success","message":"","username":"","verify_address":"1 Main Street","used":1,"purchase_date":null,`+usedDate(d, k, before)+`}`)
		d.ExpectEnd("L", "failed_upgrade", Messages["invalid_credentials"])
		if p, q := s.Plans()["p"], s.Plans()["q"]; p.Spent != 1 || p.Free != 1 || q.Free != 2 {
			s.Errorf("resolved: %+v %+v", p, q)
		}
		if r := s.Exec("tasks", "resolve", all[0].ID, "--outcome", "success"); r.Code != 1 {
			s.Errorf("resolved twice: %+v", r)
		}
	})
}

// expectSameRequest holds that a login was asked about so often, with one key and body.
func (d *Daemon) expectSameRequest(login string, times int) {
	d.Helper()
	all := d.ProviderRequests(login)
	if len(all) != times {
		d.Errorf("%s: asked %d times, not %d", login, len(all), times)
	}
	for i, r := range all {
		if r.Key() != r.Content.Task+"-1" || string(r.Body) != string(all[0].Body) || r.Header.Get("Keyseat-Attempt") != fmt.Sprint(i+1) {
			d.Errorf("asking %d of %s has the key %s and the attempt %s", i+1, login, r.Key(), r.Header.Get("Keyseat-Attempt"))
		}
	}
}

// TestResolvingOldTaskLeavesKey holds that the key follows only if the task is its latest.
func TestResolvingOldTaskLeavesKey(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,5,,")
		d := s.Serve("--task-attempts", "1")
		d.MustAccept(Upgrade("K", "500@example.com", "US"))
		d.ExpectEnd("K", "failed_upgrade", Messages["system_error"])
		d.MustAccept(Upgrade("K", "wrong_address@example.com", "US"))
		d.ExpectEnd("K", "failed_upgrade", Messages["wrong_address"])
		s.MustExec("tasks", "resolve", s.Tasks("--state", "suspect")[0].ID, "--outcome", "success")
		d.ExpectEnd("K", "failed_upgrade", Messages["wrong_address"])
		if p := s.Plans()["p"]; p.Spent != 1 || p.Free != 4 {
			s.Errorf("resolved: %+v", p)
		}
	})
}

// TestRefusedConnectionsLeaveNoDoubt holds that a service that is not there leaves nothing in doubt.
func TestRefusedConnectionsLeaveNoDoubt(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.ImportKeys("code,used", "K,", "L,1")
		s.ImportPlans("p,US,1,,")
		d := s.Serve("--connector", "http://"+closedPort(s), "--task-attempts", "3")
		d.MustAccept(Upgrade("K", "a@example.com", "US"))
		d.MustAccept(Renew("L", "a@example.com"))
		d.Expect(d.Get("stock"), 200, "[]")
		d.ExpectEnd("K", "failed_upgrade", Messages["system_error"])
		d.ExpectEnd("L", "failed", Messages["system_error"])
		d.Expect(d.Get("stock"), 200, "["+StockLine("United States", "US", 1)+"]")
		for _, task := range s.Tasks() {
			if task.Attempts != 3 {
				s.Errorf("asked %d times", task.Attempts)
			}
		}
	})
}

// closedPort is an address on loopback where nobody listens.
func closedPort(s *Shop) string {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it has served
	return l.Addr().String()
}

// TestDeadline holds that who is at work for ever is asked no more after it.
func TestDeadline(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,1,,")
		d := s.Serve("--task-deadline", "1500ms")
		d.MustAccept(Upgrade("K", "202@example.com", "US"))
		d.ExpectEnd("K", "failed_upgrade", Messages["system_error"])
		if p := s.Plans()["p"]; p.Suspect != 1 {
			s.Errorf("past the deadline: %+v", p)
		}
		if n := len(s.ProviderRequests("202@example.com")); n < 2 {
			s.Errorf("asked %d times", n)
		}
	})
}

// TestRetryAfterIsObeyed holds that a pause that the provider asks for is kept, and that an operator's retry
// ends it.
func TestRetryAfterIsObeyed(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("K", "L")
		s.ImportPlans("p,US,2,,")
		d := s.Serve()
		start := time.Now()
		d.MustAccept(Upgrade("K", "503=2+success@example.com", "US"))
		d.MustAccept(Upgrade("L", "429=86400+success@example.com", "US"))
		d.ExpectEnd("K", "success", "")
		if took := time.Since(start); took < 2*time.Second {
			s.Errorf("asked again after %s", took)
		}
		if n := len(s.ProviderRequests("429=86400+success@example.com")); n != 1 {
			s.Errorf("asked %d times in two seconds", n)
		}
		left := s.Tasks("--state", "open")[0]
		if left.Due == nil || left.Due.After(start.Add(2*time.Minute+2*time.Second)) || left.Due.Before(start.Add(100*time.Second)) {
			s.Errorf("told to wait for a day, the task is due at %v", left.Due)
		}
		s.MustExec("tasks", "retry", left.ID)
		d.ExpectEnd("L", "success", "")
	})
}

// TestConnectorRequests has the requests of both kinds, to the byte.
func TestConnectorRequests(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.Provider.Token = "t0ken"
		token := filepath.Join(s.Folder, "token")
		if err := os.WriteFile(token, []byte("t0ken\n"), 0o600); err != nil {
			s.Fatal(err)
		}
		s.ImportKeys("code,used", "K,", "L,1", "M,1", "N,1", "O,1", "P,1")
		s.ImportPlans(`p,de,1,"1 ""Main"" <Street>",https://invite.example/?a=1&b=2`)
		d := s.Serve("--connector-token-file", token)
		d.MustAccept(Query("upgrade", "K", "login", "a&b@example.com", "pwd", `"<é>\`, "country", "de", "newemail", "no", "newpwd", "no"))
		d.MustAccept(Query("renew", "L", "login", "c@example.com", "pwd", Password, "country", "us", "newemail", "new@example.com"))
		d.MustAccept(Query("renew", "M", "login", "d@example.com", "pwd", Password, "country", "US"))
		d.MustAccept(Query("renew", "N", "login", "e@example.com", "pwd", Password))
		d.MustAccept(Query("renew", "O", "login", "f@example.com", "pwd", Password, "country", " ", "newemail", "", "newpwd", ""))
		d.MustAccept(Query("renew", "P", "login", "g@example.com", "pwd", Password, "country", "", "newpwd", `n"<é>\ 12345`))
		d.ExpectEnd("K", "success", "")
		for _, code := range []string{"L", "M", "N", "O", "P"} {
			d.ExpectEnd(code, "success_renew", "Key Renewed")
		}
		for login, want := range map[string]string{
			"a&b@example.com": `"kind":"upgrade","country":"DE","account":{"login":"a&b@example.com","password":"\"<é>\\"},"plan":{"id":"p","address":"1 \"Main\" <Street>","invite":"https://invite.example/?a=1&b=2"}}`,
			"c@example.com":   `"kind":"renew","country":"US","account":{"login":"c@example.com","password":"` + Password + `","new_email":"new@example.com"}}`,
			"d@example.com":   `"kind":"renew","country":"US","account":{"login":"d@example.com","password":"` + Password + `"}}`,
			"e@example.com":   `"kind":"renew","account":{"login":"e@example.com","password":"` + Password + `"}}`,
			"f@example.com":   `"kind":"renew","account":{"login":"f@example.com","password":"` + Password + `"}}`,
			"g@example.com":   `"kind":"renew","account":{"login":"g@example.com","password":"` + Password + `","new_password":"n\"<é>\\ 12345"}}`,
		} {
			all := s.ProviderRequests(login)
			if len(all) != 1 {
				s.Fatalf("asked %d times for %s", len(all), login)
			}
			r := all[0]
			id, _ := json.Marshal(r.Content.Task) // a string always can be
			if got := string(r.Body); got != `{"task_id":`+string(id)+`,`+want {
				s.Errorf("the request is %s", got)
			}
			if h := r.Header; h.Get("Authorization") != "Bearer t0ken" || h.Get("Content-Type") != "application/json" || h.Get("Keyseat-Attempt") != "1" {
				s.Errorf("its headers are %v", h)
			}
		}
	})
}

// TestEchoedSecretsAreNotStored holds that a provider that answers with a secret makes nobody keep it.
func TestEchoedSecretsAreNotStored(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var order struct{ Account map[string]string }
			_ = json.NewDecoder(r.Body).Decode(&order) // what is missing shows below
			_ = json.NewEncoder(w).Encode(map[string]string{
				"outcome": "success", "username": order.Account["login"], "verify_address": order.Account["password"],
			})
		}))
		defer echo.Close()
		s.AddKeys("K")
		s.ImportPlans("p,US,1,1 Main Street,")
		d := s.Serve("--connector", echo.URL)
		d.MustAccept(Upgrade("K", "told.back@example.com", "US"))
		if k := d.WaitEnd("K"); k.Status != "success" || k.Username != "" || k.VerifyAddress != "1 Main Street" {
			s.Errorf("info shows %s", k.Body)
		}
		if text := d.Logs.String(); strings.Contains(text, "told.back") || strings.Contains(text, Password) {
			s.Error("a secret is in the log")
		}
	})
}
