package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestListAndFind lists and finds keys and tasks by the flags of the commands.
func TestListAndFind(t *testing.T) {
	dir := t.TempDir()
	sh := shell{t, dir, []string{"KEYSEAT_DATABASE=sqlite:" + filepath.Join(dir, "keyseat.db")}}
	sh.feed("code,order_id,purchase_date,status,used,revoked,username\n"+
		"a,order-7,2026-11-01,,,,\nb,order-7,2026-11-02,,,1,\nc,order-70,2026-11-03,success,1,,someone\nd,,2026-11-04,failed_upgrade,,,\n", "keys", "import", "-")
	for line, want := range map[string]string{
		"":                             "a b c d",
		"--newest":                     "d c b a",
		"--newest --limit 2":           "d c",
		"--order order-7":              "a b",
		"--order order-7 --no-revoked": "a",
		"--status success,failed_upgrade --newest": "d c",
		"--used":                              "c",
		"--no-used --after a":                 "b d",
		"--revoked":                           "b",
		"--bought-after 2026-11-02":           "b c d",
		"--bought-after 2026-11-02T00:00:01Z": "c d",
		"--bought-before 2026-11-02":          "a",
		"--bought-after 2026-11-02 --bought-before 2026-11-04": "b c",
		"--country US": "",
		"--plan p":     "",
		"--status failed --order order-7 --no-used --plan p --limit 3": "",
	} {
		args := append([]string{"keys", "list", "--output", "json"}, strings.Fields(line)...)
		var got []string
		for _, row := range sh.rows(args...) {
			got = append(got, fmt.Sprint(row["code"]))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("keys list %s: %q", line, got)
		}
	}
	table := sh.ok("keys", "list", "--used")
	if !strings.HasPrefix(table, "CODE") || !strings.Contains(table, "someone") || strings.Count(table, "\n") != 2 {
		t.Error(table)
	}
	exported := sh.ok("keys", "list", "--order", "order-7", "--output", "csv")
	if !strings.HasPrefix(exported, "code,purchase_date,order_id") || strings.Count(exported, "\n") != 3 {
		t.Error(exported)
	}
	if got := sh.ok("tasks", "list", "--state", "failed", "--outcome", "plan_full", "--key", "a", "--since", "2026-11-01", "--until", "2026-11-30", "--output", "csv"); !strings.HasPrefix(got, "id,code,kind") {
		t.Error(got)
	}
	for text, want := range map[string]string{"a": "code a", "order-7": "order a order b order c", "some": "username c"} {
		var got []string
		for _, row := range sh.rows("find", text, "--output", "json") {
			got = append(got, fmt.Sprint(row["by"], " ", row["code"]))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("find %s: %q", text, got)
		}
	}
	sh.fails(exitFailed, "nothing matches", "", "find", "nobody")
	sh.fails(exitFailed, "there is no such key", "", "keys", "list", "--after", "nobody")
}
