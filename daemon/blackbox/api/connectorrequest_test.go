package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestEightAttemptsAreTheDefault checks the default number of attempts, and that each attempt sends the same request.
// Afterwards the operator resolves the suspect slots.
func TestEightAttemptsAreTheDefault(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code,used", "K,", "L,", "M,1")
		s.ImportPlans("p,US,2,1 Main Street,inv", "q,FR,2,2 Main Street,inv")
		d := s.Serve()
		d.MustAccept(harness.Upgrade("K", "500@example.com", "US"))
		d.MustAccept(harness.Upgrade("L", "cut@example.com", "FR"))
		d.MustAccept(harness.Renew("M", "503@example.com"))
		d.ExpectEnd("K", "failed_upgrade", harness.Messages["system_error"])
		d.ExpectEnd("L", "failed_upgrade", harness.Messages["system_error"])
		d.ExpectEnd("M", "failed", harness.Messages["system_error"])
		for _, login := range []string{"500@example.com", "cut@example.com", "503@example.com"} {
			expectSameRequest(d, login, 8)
		}
		all := s.Tasks("--state", "suspect")
		if len(all) != 2 || s.Plans()["p"].Suspect != 1 || s.Plans()["q"].Suspect != 1 {
			s.Fatalf("suspect: %+v", all)
		}
		slices.SortFunc(all, func(x, y harness.Task) int { return int(x.Code[0]) - int(y.Code[0]) })
		before := time.Now().Truncate(time.Second)
		s.MustExec("tasks", "resolve", all[0].ID, "--outcome", "success")
		s.MustExec("tasks", "resolve", all[1].ID, "--outcome", "invalid_credentials")
		k := d.Info("K")
		d.Expect(d.Get("info=K"), 200, `{"status":"success","message":"","username":"","verify_address":"1 Main Street","used":1,"purchase_date":null,`+usedDate(d, k, before)+`}`)
		d.ExpectEnd("L", "failed_upgrade", harness.Messages["invalid_credentials"])
		if p, q := s.Plans()["p"], s.Plans()["q"]; p.Spent != 1 || p.Free != 1 || q.Free != 2 {
			s.Errorf("resolved: %+v %+v", p, q)
		}
		if r := s.Exec("tasks", "resolve", all[0].ID, "--outcome", "success"); r.Code != 1 {
			s.Errorf("resolved twice: %+v", r)
		}
	})
}

// expectSameRequest checks the number of requests for a login, and that they have one idempotency key and one body.
func expectSameRequest(d *harness.Daemon, login string, times int) {
	d.Helper()
	all := d.ProviderRequests(login)
	if len(all) != times {
		d.Errorf("%s: %d requests, not %d", login, len(all), times)
	}
	for i, r := range all {
		if r.Key() != r.Content.Task+"-1" || string(r.Body) != string(all[0].Body) || r.Header.Get("Keyseat-Attempt") != fmt.Sprint(i+1) {
			d.Errorf("attempt %d of %s has the key %s and the attempt %s", i+1, login, r.Key(), r.Header.Get("Keyseat-Attempt"))
		}
	}
}

// TestConnectorRequests checks the requests for an upgrade and for a renew to the byte.
func TestConnectorRequests(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.Provider.Token = "t0ken"
		token := filepath.Join(s.Folder, "token")
		if err := os.WriteFile(token, []byte("t0ken\n"), 0o600); err != nil {
			s.Fatal(err)
		}
		s.ImportKeys("code,used", "K,", "L,1", "M,1", "N,1", "O,1", "P,1")
		s.ImportPlans(`p,de,1,"1 ""Main"" <Street>",https://invite.example/?a=1&b=2`)
		d := s.Serve("--connector-token-file", token)
		d.MustAccept(harness.Query("upgrade", "K", "login", "a&b@example.com", "pwd", `"<é>\`, "country", "de", "newemail", "no", "newpwd", "no"))
		d.MustAccept(harness.Query("renew", "L", "login", "c@example.com", "pwd", harness.Password, "country", "us", "newemail", "new@example.com"))
		d.MustAccept(harness.Query("renew", "M", "login", "d@example.com", "pwd", harness.Password, "country", "US"))
		d.MustAccept(harness.Query("renew", "N", "login", "e@example.com", "pwd", harness.Password))
		d.MustAccept(harness.Query("renew", "O", "login", "f@example.com", "pwd", harness.Password, "country", " ", "newemail", "", "newpwd", ""))
		d.MustAccept(harness.Query("renew", "P", "login", "g@example.com", "pwd", harness.Password, "country", "", "newpwd", `n"<é>\ 12345`))
		d.ExpectEnd("K", "success", "")
		for _, code := range []string{"L", "M", "N", "O", "P"} {
			d.ExpectEnd(code, "success_renew", "Key Renewed")
		}
		for login, want := range map[string]string{
			"a&b@example.com": `"kind":"upgrade","country":"DE","account":{"login":"a&b@example.com","password":"\"<é>\\"},"plan":{"id":"p","address":"1 \"Main\" <Street>","invite":"https://invite.example/?a=1&b=2"}}`,
			"c@example.com":   `"kind":"renew","country":"US","account":{"login":"c@example.com","password":"` + harness.Password + `","new_email":"new@example.com"}}`,
			"d@example.com":   `"kind":"renew","country":"US","account":{"login":"d@example.com","password":"` + harness.Password + `"}}`,
			"e@example.com":   `"kind":"renew","account":{"login":"e@example.com","password":"` + harness.Password + `"}}`,
			"f@example.com":   `"kind":"renew","account":{"login":"f@example.com","password":"` + harness.Password + `"}}`,
			"g@example.com":   `"kind":"renew","account":{"login":"g@example.com","password":"` + harness.Password + `","new_password":"n\"<é>\\ 12345"}}`,
		} {
			all := s.ProviderRequests(login)
			if len(all) != 1 {
				s.Fatalf("%d requests for %s", len(all), login)
			}
			r := all[0]
			id, _ := json.Marshal(r.Content.Task) // a string always can be encoded
			if got := string(r.Body); got != `{"task_id":`+string(id)+`,`+want {
				s.Errorf("the request is %s", got)
			}
			if h := r.Header; h.Get("Authorization") != "Bearer t0ken" || h.Get("Content-Type") != "application/json" || h.Get("Keyseat-Attempt") != "1" {
				s.Errorf("its headers are %v", h)
			}
		}
	})
}

// TestEchoedSecretsAreNotStored checks that a secret in a response of the provider is neither stored nor logged.
func TestEchoedSecretsAreNotStored(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var order struct{ Account map[string]string }
			_ = json.NewDecoder(r.Body).Decode(&order) // a missing field fails the test below
			_ = json.NewEncoder(w).Encode(map[string]string{
				"outcome": "success", "username": order.Account["login"], "verify_address": order.Account["password"],
			})
		}))
		defer echo.Close()
		s.AddKeys("K")
		s.ImportPlans("p,US,1,1 Main Street,")
		d := s.Serve("--connector", echo.URL)
		d.MustAccept(harness.Upgrade("K", "echoed@example.com", "US"))
		if k := d.WaitEnd("K"); k.Status != "success" || k.Username != "" || k.VerifyAddress != "1 Main Street" {
			s.Errorf("info shows %s", k.Body)
		}
		if text := d.Logs.String(); strings.Contains(text, "echoed") || strings.Contains(text, harness.Password) {
			s.Error("a secret is in the log")
		}
	})
}
