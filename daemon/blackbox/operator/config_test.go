package operator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// writeConfig writes a file of settings, and names it in the environment.
func writeConfig(s *harness.Shop, settings map[string]any) {
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

// settings returns the value and the source of each setting, as config shows them.
func settings(s *harness.Shop, flags ...string) map[string][2]string {
	s.Helper()
	var list []struct{ Name, Value, Source string }
	s.ExecJSON(&list, append([]string{"config"}, flags...)...)
	all := map[string][2]string{}
	for _, l := range list {
		all[l.Name] = [2]string{l.Value, l.Source}
	}
	return all
}

// TestSettingsPrecedence sets values by file, variable and flag. It compares the output of config with what the
// daemon does.
func TestSettingsPrecedence(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,1,,")
		writeConfig(s, map[string]any{
			"database": s.Database, "connector": s.Provider.URL, "listen": "127.0.0.1:0", "admin-listen": "127.0.0.1:0",
			"log-format": "json", "master-key-file": s.KeyFile, "no-get-secrets": true, "task-attempts": 9, "task-backoff": "1ms",
			"unknown-key-limit": 9, "trusted-proxies": []string{"127.0.0.1", "::1"}, "drain": "1m",
		})
		s.Env = append(s.Env, "KEYSEAT_TASK_ATTEMPTS=3", "KEYSEAT_UNKNOWN_KEY_LIMIT=8", "KEYSEAT_DRAIN=")
		s.Database = "" // the file names the database
		got := settings(s, "--unknown-key-limit=1")
		for name, want := range map[string][2]string{
			"no-get-secrets": {"true", "file"}, "trusted-proxies": {"127.0.0.1,::1", "file"}, "drain": {"1m0s", "file"},
			"task-attempts": {"3", "environment"}, "unknown-key-limit": {"1", "flag"}, "workers": {"64", "default"},
			"master-key-file": {s.KeyFile, "file"}, "connector": {s.Provider.URL, "file"},
		} {
			if got[name] != want {
				s.Errorf("%s is %q, not %q", name, got[name], want)
			}
		}
		d := s.StartCommand(s.Command("serve", "--unknown-key-limit=1"))
		d.WaitReady()
		expectPOSTOnly(d, harness.Upgrade("K", "l", "US"))
		d.Expect(d.GetFrom("192.0.2.1", "info=a"), http.StatusOK, harness.NotExist)
		d.ExpectLimited(d.GetFrom("192.0.2.1", "info=a"), 60)
		d.MustAccept(harness.Upgrade("K", "500@example.com", "US"))
		d.ExpectEnd("K", "failed_upgrade", harness.Messages["system_error"])
		if n := len(s.Provider.Requests()); n != 3 {
			s.Errorf("%d attempts", n)
		}
		d.Stop()
		if r := s.Exec("serve", "--task-attempts=0"); r.Code != 2 { // a flag takes precedence over the variable
			s.Errorf("serve: %+v", r)
		}
		if out := s.MustExec("keys", "show", "K"); !strings.Contains(out, "failed_upgrade") { // every command uses the database of the file
			s.Errorf("%s", out)
		}
		s.Env = append(s.Env, "KEYSEAT_WORKERS=none")
		if r := s.Exec("serve"); r.Code != 2 || !strings.Contains(r.Err, "--workers") {
			s.Errorf("serve: %+v", r)
		}
	})
}

// expectPOSTOnly checks that a call by GET is refused, and that the response allows only POST.
func expectPOSTOnly(d *harness.Daemon, query string) {
	d.Helper()
	a := d.Get(query)
	if allow := a.Header.Get("Allow"); a.Code != http.StatusMethodNotAllowed || allow != http.MethodPost {
		d.Errorf("by GET: %d %s, Allow is %q", a.Code, a.Body, allow)
	}
}

// TestSettingsFromVariables checks that a daemon can get all of its settings from environment variables. An empty
// variable counts as not set.
func TestSettingsFromVariables(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.Env = []string{
			"KEYSEAT_CONNECTOR=" + s.Provider.URL, "KEYSEAT_LISTEN=127.0.0.1:0", "KEYSEAT_ADMIN_LISTEN=127.0.0.1:0",
			"KEYSEAT_LOG_FORMAT=json", "KEYSEAT_MASTER_KEY_FILE=" + s.KeyFile, "KEYSEAT_UNKNOWN_KEY_LIMIT=1",
			"KEYSEAT_TASK_ATTEMPTS=1", "KEYSEAT_NO_GET_SECRETS=true", "KEYSEAT_TRUSTED_PROXIES=127.0.0.1,::1", "KEYSEAT_LEASE=",
		}
		s.AddKeys("K")
		s.ImportPlans("p,US,1,,")
		d := s.StartCommand(s.Command("serve"))
		d.WaitReady()
		d.Expect(d.GetFrom("192.0.2.1", "info=a"), http.StatusOK, harness.NotExist)
		d.ExpectLimited(d.GetFrom("192.0.2.1", "info=a"), 60)
		d.Expect(d.GetFrom("192.0.2.2", "info=a"), http.StatusOK, harness.NotExist)
		expectPOSTOnly(d, harness.Upgrade("K", "l", "US"))
		d.MustAccept(harness.Upgrade("K", "500@example.com", "US"))
		d.ExpectEnd("K", "failed_upgrade", harness.Messages["system_error"])
		if n := len(s.Provider.Requests()); n != 1 {
			s.Errorf("%d attempts", n)
		}
		d.Stop()
	})
}

// TestConfigHidesSecrets checks that no output of config has a password, also if a setting is invalid.
func TestConfigHidesSecrets(t *testing.T) {
	t.Parallel()
	s := harness.NewShop(t)
	const url = "postgres://keyseat:s3cret@db.example:5432,db2.example/keyseat?sslmode=require&sslpassword=s3cret"
	writeConfig(s, map[string]any{"database": url, "connector": "sim", "master-key-file": "/etc/keyseat/keys"})
	const want = "postgres://keyseat:***@db.example:5432,db2.example/keyseat?sslmode=require&sslpassword=***"
	if got := settings(s)["database"]; got != [2]string{want, "file"} {
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
	writeConfig(s, map[string]any{"database": url, "databse": "s3cret", "tls_cert": "s3cret"})
	for _, command := range []string{"serve", "config", "migrate", "stock"} {
		r := s.Exec(command)
		if r.Code != 2 || !strings.Contains(r.Err, "serve has no flag databse, tls_cert") || strings.Contains(r.Err, "s3cret") {
			t.Errorf("%s: %+v", command, r)
		}
	}
}

// TestSecretFilesMustBePrivate checks that serve rejects a file of secrets that others may read or write, and says what
// to do. It accepts a file that its group may read, and a file in a folder that is closed to others.
func TestSecretFilesMustBePrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there modes mean nothing")
	}
	s := harness.NewSQLiteShop(t)
	folder, err := os.MkdirTemp("/tmp", "secrets") //nolint:usetesting // a test's own folder is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	files := secretFiles(s, folder)
	var flags []string
	for flag, path := range files {
		flags = append(flags, flag+"="+path)
		chmod(s, folder, 0o755)
		for _, mode := range []os.FileMode{0o644, 0o604, 0o602, 0o444} {
			chmod(s, path, mode)
			r := s.Exec("serve", "--connector="+s.Provider.URL, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", flag+"="+path)
			want := 1
			if flag == "--config" {
				want = 2 // as for any error in that file
			}
			if r.Code != want || !strings.Contains(r.Err, "chmod o-rw") || !strings.Contains(r.Err, path) || strings.Contains(r.Err, "s3cret") {
				t.Errorf("%s with the mode %o: %+v", flag, mode, r)
			}
		}
		chmod(s, path, 0o640)
	}
	s.Serve(flags...).Stop()
	for _, mode := range []os.FileMode{0o440, 0o444, 0o644} {
		chmod(s, folder, 0o750) // others cannot enter it
		if mode == 0o440 {
			chmod(s, folder, 0o755)
		}
		for _, path := range files {
			chmod(s, path, mode)
		}
		s.Serve(flags...).Stop()
	}
}

// secretFiles makes a file of each kind that contains a secret, and returns the paths by flag.
func secretFiles(s *harness.Shop, folder string) map[string]string {
	s.Helper()
	files := map[string]string{}
	for _, flag := range []string{"--master-key-file", "--admin-token-file", "--connector-token-file", "--webhook-file", "--config"} {
		files[flag] = filepath.Join(folder, strings.TrimPrefix(flag, "--"))
	}
	s.MustExec("master-key", "add", files["--master-key-file"])
	s.MustExec("admin-token", "add", files["--admin-token-file"], "--name", "x", "--role", "read")
	for flag, text := range map[string]string{
		"--connector-token-file": "s3cret",
		"--webhook-file":         `[{"name":"shop","url":"https://shop.example/hook","secrets":["` + hookSecret + `"]}]`,
		"--config":               `{"database": "postgres://u:s3cret@127.0.0.1:1/d"}`, // a flag overrides it
	} {
		if err := os.WriteFile(files[flag], []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
	}
	return files
}

func chmod(s *harness.Shop, path string, mode os.FileMode) {
	s.Helper()
	if err := os.Chmod(path, mode); err != nil {
		s.Fatal(fmt.Errorf("chmod: %w", err))
	}
}
