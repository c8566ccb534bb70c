package webhooks_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/webhooks"
)

const (
	secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	older  = "whsec_b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkLW9sZCE="
)

func TestParse(t *testing.T) {
	all, err := webhooks.Parse([]byte(`[
		{"name": "a", "url": "https://example.com/x?token=t", "secrets": ["`+secret+`", "`+older+`"]},
		{"name": "b", "url": "https://example.com", "secrets": ["`+secret+`"], "events": ["stock.low"], "stock_low": {"us": 5, "*": 1}}
	]`), webhooks.Policy{})
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	for got, want := range map[string]string{
		fmt.Sprint(all[0].Types): fmt.Sprint(webhooks.Types()),
		fmt.Sprint(all[0].Low):   "map[*:0]",
		fmt.Sprint(all[1].Types): "[stock.low]",
		fmt.Sprint(all[1].Low):   "map[*:1 US:5]",
		fmt.Sprint(all[0].Wants(webhooks.KeyIssued), all[1].Wants(webhooks.KeyIssued)): "true false",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if printed := fmt.Sprintf("%+v %#v", all, all); strings.Contains(printed, "token") || strings.Contains(printed, "MDEy") {
		t.Errorf("an endpoint prints its secrets: %s", printed)
	}
}

func TestParseErrors(t *testing.T) {
	entry := func(fields string) string { return `[{` + fields + `}]` }
	const canary = "canary"
	fine := `"name": "a", "url": "https://example.com/canary", "secrets": ["` + secret + `"]`
	for text, want := range map[string]string{
		``:                                 "array",
		`{}`:                               "array",
		`[{"canary": 1}]`:                  "no other field",
		entry(fine) + `canary`:             "after the list",
		`[{"name": "canary"`:               "ends too early",
		`["canary"`:                        "ends too early",
		`[{"name" "canary"}]`:              "byte",
		entry(`"name": "/canary"`):         "letters",
		entry(fine) + entry(fine):          "after the list",
		`[{` + fine + `}, {` + fine + `}]`: "another endpoint has its name",
		entry(`"name": "a", "url": "http://example.com/canary", "secrets": ["` + secret + `"]`):            "--webhook-plaintext",
		entry(`"name": "a", "url": "ftp://example.com/canary", "secrets": ["` + secret + `"]`):             "https",
		entry(`"name": "a", "url": "https://u:canary@example.com", "secrets": ["` + secret + `"]`):         "password",
		entry(`"name": "a", "url": "https:///canary", "secrets": ["` + secret + `"]`):                      "url is not a valid",
		entry(`"name": "a", "url": "https://example.com:canary/", "secrets": ["` + secret + `"]`):          "url is not a valid",
		entry(`"name": "a", "url": "https://example.com/"`):                                                "whsec_",
		entry(`"name": "a", "url": "https://example.com/", "secrets": ["whsec_canary"]`):                   "whsec_",
		entry(`"name": "a", "url": "https://example.com/", "secrets": ["` + secret[len("whsec_"):] + `"]`): "whsec_",
		entry(fine + `, "events": ["task.Finished"]`):                                                      "unknown event type",
		entry(fine + `, "stock_low": {"Mars": 1}`):                                                         "not a country code",
		entry(fine + `, "stock_low": {"US": -1}`):                                                          "must not be negative",
	} {
		_, err := webhooks.Parse([]byte(text), webhooks.Policy{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestFileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hooks.json")
	write := func(names ...string) {
		t.Helper()
		var entries []string
		for _, name := range names {
			entries = append(entries, `{"name": "`+name+`", "url": "http://example.com", "secrets": ["`+secret+`"]}`)
		}
		if err := os.WriteFile(path, []byte("["+strings.Join(entries, ",")+"]"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	policy := webhooks.Policy{Plaintext: true}
	if _, err := webhooks.Open(path, policy); err == nil {
		t.Error("a file that is not there was opened")
	}
	write("a")
	f, err := webhooks.Open(path, policy)
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, names int, fails bool) {
		t.Helper()
		all, err := f.Endpoints()
		if len(all) != names || (err != nil) != fails {
			t.Errorf("%s: %d endpoints, %v", what, len(all), err)
		}
	}
	want("as it was", 1, false)
	write("a", "b")
	want("changed", 2, false)
	write("a", "a", "c")
	want("broken", 2, true)
	want("the same error again", 2, false)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	want("away", 2, true)
	want("the same error again", 2, false)
	write("a")
	if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	want("back", 1, false)
}
