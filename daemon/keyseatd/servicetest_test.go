package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/tasks"
)

// refuseAll is a service that keeps the protocol and refuses each account.
func refuseAll(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Account struct{ Login string }
	}
	err := json.NewDecoder(r.Body).Decode(&body)
	switch {
	case r.Header.Get("Authorization") != "Bearer t0ken":
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method != http.MethodPost || err != nil || r.Header.Get("Idempotency-Key") == "" || body.Account.Login == "":
		w.WriteHeader(http.StatusBadRequest)
	default:
		_, _ = fmt.Fprint(w, `{"outcome":"invalid_credentials"}`)
	}
}

// TestConnectorTest tests a good service and one that refuses unknown fields. The output names the accounts that were sent.
func TestConnectorTest(t *testing.T) {
	sh := shell{T: t, dir: t.TempDir()}
	good := httptest.NewServer(http.HandlerFunc(refuseAll))
	defer good.Close()
	token := sh.file("token", "t0ken\n")
	sh.golden(sh.ok("connector", "test", good.URL, "--connector-token-file", token), `
Sending made-up tasks for keyseat-test@example.com, with made-up passwords
ok  upgrade
ok  renew
ok  renew to a new account
skipped  outcomes  no login of a test account was given
ok  repeated key
ok  simultaneous requests
ok  lost connection
skipped  next plan  the check needs logins of test accounts for two outcomes of an upgrade
ok  unknown fields
ok  odd characters
ok  invalid requests
ok  missing key
ok  other method
ok  wrong token
ok  slowness
ok  secrets
`)
	strict := connectortest.NewProvider(t)
	out, err, status := sh.run("", "connector", "test", strict.URL, "--output", "json", "--login", "success=a@example.com;account_locked=account_locked@example.com")
	var result struct {
		Accounts []string
		Checks   []struct{ Check, Result, Note string }
	}
	failed := json.Unmarshal([]byte(out), &result)
	if status != exitFailed || err != "keyseatd: the service fails 1 of the checks\n" || failed != nil || len(result.Checks) != 16 || strings.Join(result.Accounts, " ") !=
		"keyseat-test@example.com a@example.com account_locked@example.com" {
		t.Errorf("status %d, %s%s", status, out, err)
	}
	for _, check := range result.Checks {
		if want := map[string]string{"unknown fields": "failed", "wrong token": "skipped"}[check.Check]; want == "" && check.Result != "ok" || want != "" && check.Result != want || (check.Note == "") != (check.Result == "ok") {
			t.Errorf("%+v", check)
		}
	}
}

func TestConnectorTestUsage(t *testing.T) {
	sh := shell{T: t, dir: t.TempDir()}
	for line, want := range map[string]string{
		"connector test shop":                                  "the URL must be an https:// URL with a host",
		"connector test http://shop":                           "the URL must be https://, because http:// does not protect passwords: --connector-plaintext allows http://",
		"connector test https://u:p@h":                         "the URL must have no user, query or fragment: a token goes into --connector-token-file",
		"connector test https://h --login eaten=a@example.com": "--login: the outcome must be one of " + joined(tasks.AllOutcomes()),
	} {
		sh.failsWith(exitUsage, want, line)
	}
	sh.failsAfter("Sending made-up tasks for ", exitFailed, "the service fails 1 of the checks", "", "connector", "test", "http://127.0.0.1:1")
}
