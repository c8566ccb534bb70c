package main

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/ratelimit"
)

// TestRedacted checks that only those parts of a URL are shown that cannot be secret.
func TestRedacted(t *testing.T) {
	for value, want := range map[string]string{
		"":                                     "",
		"sim":                                  "sim",
		"sqlite:keyseat.db":                    "sqlite:keyseat.db",
		"a/file@home":                          "a/file@home",
		"https://host/base":                    "https://host/base",
		"https://token@host/":                  "https://***@host/",
		"https://user:s3cret@host/":            "https://***@host/",
		"https://host/?s3cret":                 "https://host/?s3cret=***",
		"postgres://h/d":                       "postgres://h/d",
		"postgres://me@h/d":                    "postgres://me@h/d",
		"postgres://me:s3cret@h:5432,i:5433/d": "postgres://me:***@h:5432,i:5433/d",
		"postgresql://me:s3cr@t@h/d":           "postgresql://***@h/d",
		"postgres://me:s3/cr?t@h/d":            "postgres://***@h/d",
		"postgres://h/d?sslmode=disable&password=s3cret&user=me": "postgres://h/d?sslmode=disable&password=***&user=***",
		"postgres://me:s3cret%zz@[::1/%zz":                       "postgres://me:***@[::1/%zz",
	} {
		if got := redactURL(value); got != want || strings.Contains(got, "cret=") && !strings.Contains(got, "***") {
			t.Errorf("%s shows as %s, not %s", value, got, want)
		}
	}
}

// TestConfigHidesPasswordsOfBrokenURLs checks that a database's address without "://" is not shown if it may contain a
// password.
func TestConfigHidesPasswordsOfBrokenURLs(t *testing.T) {
	sh := shell{T: t, dir: t.TempDir()}
	for value, want := range map[string]string{
		"host=db user=u password=s3cret": "***", "host=db PASSWORD = 's3cret'": "***", "u:s3cret@h/d": "***", "postgres:/u:s3cret@h/d": "***",
		"keyseat.db": "keyseat.db", "sqlite:me@work/k.db": "sqlite:me@work/k.db",
	} {
		out, said, _ := sh.run("", "config", "--connector=sim", "--database", value)
		if shown := regexp.MustCompile(`(?m)^database +(.*?)  +flag$`).FindStringSubmatch(out); shown == nil || shown[1] != want || strings.Contains(said, "s3cret") {
			t.Errorf("%s: %q, %s", value, shown, said)
		}
	}
}

// TestConfigFile checks that a config file is read exactly, or refused with an explanation.
func TestConfigFile(t *testing.T) {
	sh := shell{T: t, dir: t.TempDir()}
	for text, want := range map[string]string{
		`{"wrkers": 1, "lease": "9s", "foo": 2}`: "serve has no flag foo, wrkers",
		`{"config": "x"}`:                        "serve has no flag config",
		`{"output": "json"}`:                     "serve has no flag output",
		`{"workers": 1, "workers": 2}`:           "line 1: workers is set twice",
		"{\"lease\": \"9s\",\n\"workers\": {}}":  "line 2: workers must be a text, a number, true or false, or a list of texts",
		`{"workers": null}`:                      "workers must be a text",
		`{"trusted-proxies": [1]}`:               "trusted-proxies must be a text",
		`{"workers": s3cret}`:                    "the value of workers is not JSON",
		`["workers"]`:                            "the file must be one JSON object",
		`{} {}`:                                  "the file must be one JSON object",
		`{"workers": 1`:                          "the file must be one JSON object",
		``:                                       "the file must be one JSON object",
		`{"workers": 0}`:                         "--workers must be at least 1",
		`{"workers": "many"}`:                    "--workers: expected",
		`{"lease": 60}`:                          "--lease: expected duration",
		`{"log-level": "loud"}`:                  "--log-level must be one of",
		`{"database": "keyseat.db"}`:             "--database must be sqlite:PATH",
		`{"connector": "http://example.com"}`:    "--connector",
		`{"database": "postgres://h/d"}`:         "--master-key-file is missing",
	} {
		path := sh.file("config.json", text)
		sh.env = []string{"KEYSEAT_CONNECTOR=sim"}
		if strings.Contains(text, `"connector"`) {
			sh.env = nil
		}
		head := "" // the settings are printed unless the file cannot be parsed
		if strings.HasPrefix(want, "--") && !strings.Contains(want, "expected") && !strings.HasPrefix(want, "--log") {
			head = "NAME"
		}
		sh.failsAfter(head, exitUsage, want, "", "config", "--config", path)
		sh.env = append(sh.env, "KEYSEAT_CONFIG="+path)
		sh.fails(exitUsage, want, "", "serve")
	}
	sh.env = nil
	sh.fails(exitUsage, "--config: nowhere: no such file", "", "--config", "nowhere", "config", "--connector=sim")
	sh.failsAfter("NAME", exitUsage, "--connector is missing", "", "config")
	sh.failsAfter("NAME", exitFailed, "--connector-token-file", "", "config", "--connector=https://h", "--connector-token-file", "nowhere")
}

// TestConfigShowsItsSources checks that flags override variables, and variables override the file.
func TestConfigShowsItsSources(t *testing.T) {
	sh := shell{T: t, dir: t.TempDir()}
	path := sh.file("config.json", `{"workers": 3, "lease": "9s", "drain": "4s", "trusted-proxies": ["10.0.0.0/8", "::1"],
		"no-get-secrets": true, "admin-listen": "", "connector": "sim", "key-task-limit": 7}`)
	sh.env = []string{"KEYSEAT_CONFIG=" + path, "KEYSEAT_LEASE=8s", "KEYSEAT_DRAIN=3s", "KEYSEAT_KEY_TASK_LIMIT="}
	got := map[any][2]any{}
	for _, row := range sh.rows("config", "--drain", "2s", "--log-level=info") {
		got[row["name"]] = [2]any{row["value"], row["source"]}
	}
	for name, want := range map[any][2]any{
		"config":          {path, "environment"},
		"workers":         {"3", "file"},
		"lease":           {"8s", "environment"},
		"drain":           {"2s", "flag"},
		"trusted-proxies": {"10.0.0.0/8,::1", "file"},
		"no-get-secrets":  {"true", "file"},
		"admin-listen":    {"", "file"},
		"connector":       {"sim", "file"},
		"key-task-limit":  {"7", "file"},
		"log-level":       {"info", "flag"},
		"task-attempts":   {"8", "default"},
		"database":        {"sqlite:keyseat.db", "default"},
	} {
		if got[name] != want {
			t.Errorf("%s: %v, not %v", name, got[name], want)
		}
	}
	if _, shown := got["output"]; shown || len(got) < 20 {
		t.Errorf("%v", got)
	}
}

// TestTrustedNetworks checks that an IPv4 address is in a trusted network in each of its forms.
func TestTrustedNetworks(t *testing.T) {
	for _, network := range []string{"10.1.2.3", "::ffff:10.1.2.3", "10.0.0.0/8", "10.9.9.9/8", "10.0.0.0/08", "::ffff:10.0.0.0/104", "::ffff:0.0.0.0/96"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = "10.1.2.3:1234"
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		if got := ratelimit.ClientAddress(r, parsePrefixes([]string{network})).String(); got != "203.0.113.9" {
			t.Errorf("behind the proxy %s, the client is %s", network, got)
		}
	}
}
