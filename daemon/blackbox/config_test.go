package blackbox_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeConfig writes a file of settings, and names it in the environment.
func (s *Shop) writeConfig(settings map[string]any) {
	s.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		s.Fatal(err)
	}
	path := filepath.Join(s.Folder, "config.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.Fatal(err)
	}
	s.Env = []string{"KEYSEAT_CONFIG=" + path}
}

// settings are what config shows, each as its value and its source.
func (s *Shop) settings(flags ...string) map[string][2]string {
	s.Helper()
	var list []struct{ Name, Value, Source string }
	s.ExecJSON(&list, append([]string{"config"}, flags...)...)
	all := map[string][2]string{}
	for _, l := range list {
		all[l.Name] = [2]string{l.Value, l.Source}
	}
	return all
}

// TestSettingsPrecedence serves with a file, a variable and a flag, each of which must win where it should,
// and holds what config says against what the daemon does.
func TestSettingsPrecedence(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,1,,")
		s.writeConfig(map[string]any{
			"database": s.Database, "connector": s.Provider.URL, "listen": "127.0.0.1:0", "admin-listen": "127.0.0.1:0",
			"log-format": "json", "master-key-file": s.KeyFile, "no-get-secrets": true, "task-attempts": 9, "task-backoff": "1ms",
			"unknown-key-limit": 9, "trusted-proxies": []string{"127.0.0.1", "::1"}, "drain": "1m",
		})
		s.Env = append(s.Env, "KEYSEAT_TASK_ATTEMPTS=3", "KEYSEAT_UNKNOWN_KEY_LIMIT=8", "KEYSEAT_DRAIN=")
		s.Database = "" // that of the file
		got := s.settings("--unknown-key-limit=1")
		for name, want := range map[string][2]string{
			"no-get-secrets": {"true", "file"}, "trusted-proxies": {"127.0.0.1,::1", "file"}, "drain": {"1m0s", "file"},
			"task-attempts": {"3", "environment"}, "unknown-key-limit": {"1", "flag"}, "workers": {"64", "default"},
			"master-key-file": {s.KeyFile, "file"}, "connector": {s.Provider.URL, "file"},
		} {
			if got[name] != want {
				s.Errorf("%s is %q, not %q", name, got[name], want)
			}
		}
		d := s.Launch("serve", "--unknown-key-limit=1")
		d.WaitReady()
		d.ExpectNotAllowed(Request{"GET", "/API/?" + Upgrade("K", "l", "US"), "", nil, 405}, "POST")
		d.Expect(d.GetFrom("192.0.2.1", "info=a"), http.StatusOK, NotExist)
		d.ExpectLimited(d.GetFrom("192.0.2.1", "info=a"), 60)
		d.MustAccept(Upgrade("K", "500@example.com", "US"))
		d.ExpectEnd("K", "failed_upgrade", Messages["system_error"])
		if n := len(s.Provider.Requests()); n != 3 {
			s.Errorf("asked %d times", n)
		}
		d.Stop()
		if out := s.MustExec("keys", "show", "K"); !strings.Contains(out, "failed_upgrade") { // the file's database is every command's
			s.Errorf("%s", out)
		}
	})
}

// TestConfigHidesSecrets holds that a password is shown nowhere, in force or at fault.
func TestConfigHidesSecrets(t *testing.T) {
	t.Parallel()
	s := NewShop(t)
	const url = "postgres://keyseat:s3cret@db.example:5432,db2.example/keyseat?sslmode=require&sslpassword=s3cret"
	s.writeConfig(map[string]any{"database": url, "connector": "sim", "master-key-file": "/etc/keyseat/keys"})
	const want = "postgres://keyseat:***@db.example:5432,db2.example/keyseat?sslmode=require&sslpassword=***"
	if got := s.settings()["database"]; got != [2]string{want, "file"} {
		t.Errorf("the database is %q", got)
	}
	if out := s.MustExec("config", "--lease=9s"); strings.Contains(out, "s3cret") || !strings.Contains(out, "/etc/keyseat/keys") || !strings.Contains(out, "9s") {
		t.Errorf("config prints\n%s", out)
	}
	for _, flags := range [][]string{
		{"--database=" + strings.Replace(url, "postgres", "mysql", 1)},
		{"--connector=https://user:s3cret@example.com/"},
		{"--connector=https://example.com/?token=s3cret"},
		{"--workers=0"},
		{"--master-key-file="},
	} {
		serves, shows := s.Exec(append([]string{"serve"}, flags...)...), s.Exec(append([]string{"config"}, flags...)...)
		if shows.Code != 2 || strings.Contains(shows.Out, "s3cret") || shows.Err != serves.Err || strings.Contains(shows.Err, "s3cret") {
			t.Errorf("%v: serve says %+v, config %+v", flags, serves, shows)
		}
	}
	s.writeConfig(map[string]any{"database": url, "databse": "s3cret", "tls_cert": "s3cret"})
	for _, command := range []string{"serve", "config", "migrate", "stock"} {
		r := s.Exec(command)
		if r.Code != 2 || !strings.Contains(r.Err, "serve has no flag databse, tls_cert") || strings.Contains(r.Err, "s3cret") {
			t.Errorf("%s: %+v", command, r)
		}
	}
}
