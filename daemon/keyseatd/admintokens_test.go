package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAdminTokensExpire checks the forms of --expires, and that list and doctor show what has expired.
func TestAdminTokensExpire(t *testing.T) {
	dir := t.TempDir()
	sh := shell{t, dir, []string{"KEYSEAT_DATABASE=sqlite:" + filepath.Join(dir, "keyseat.db")}}
	file := filepath.Join(dir, "tokens")
	for name, expires := range map[string]string{"never": "", "days": "90d", "hours": "12h", "date": "2100-01-31", "time": "2100-01-31T12:00:00Z"} {
		sh.ok("admin-token", "add", file, "--name", name, "--role", "support", "--expires="+expires)
	}
	for _, expires := range []string{"0d", "-1h", "d", "soon", "2001-01-01", "99999999d"} {
		sh.fails(exitUsage, "--expires must be", "", "admin-token", "add", file, "--name", "x", "--role", "read", "--expires="+expires)
	}
	past := sh.file("more", "old export sha256:"+strings.Repeat("ab", 32)+" expires:2020-02-03T04:05:06Z\n")
	sh.golden(sh.ok("admin-token", "list", past), "NAME  ROLE  STATE  EXPIRES\nold  export  expired  TIME\n")
	rows := map[string]map[string]any{}
	for _, row := range sh.rows("admin-token", "list", file) {
		name, _ := row["name"].(string)
		rows[name] = row
	}
	if rows["never"]["expires_at"] != nil || rows["date"]["expires_at"] != "2100-02-01T00:00:00Z" || rows["time"]["expires_at"] != "2100-01-31T12:00:00Z" {
		t.Errorf("%v", rows)
	}
	days, _ := rows["days"]["expires_at"].(string)
	if at, err := time.Parse(time.RFC3339, days); err != nil || time.Until(at).Round(time.Hour) != 90*24*time.Hour || rows["days"]["state"] != "valid" {
		t.Errorf("%v", rows["days"])
	}
	sh.ok("migrate")
	for file, want := range map[string]string{past: "warning: the admin token old has expired: 2020-02-03T04:05:06Z\n", file: "warning: the admin token hours expires: "} {
		if _, stderr, status := sh.run("", "doctor", "--admin-token-file", file); status != 0 || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("doctor says %s", stderr)
		}
	}
}
