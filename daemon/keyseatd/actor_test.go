package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestChangesHaveActor checks that each change by the command line names its actor in the history.
func TestChangesHaveActor(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		s := serve(sh)
		s.upgrade("ann")
		for _, action := range []string{"revoke", "restore", "revoke"} {
			sh.ok("keys", action, "ann")
		}
		id, _ := sh.rows("tasks", "list")[0]["id"].(string)
		sh.ok("tasks", "retry", id)
		code := strings.TrimSpace(sh.ok("keys", "generate", "--count", "1"))
		for _, code := range []string{"ann", "bob", code} {
			for _, e := range sh.history(code) {
				if note := e["note"]; (note == "by "+actor()) != (e["event"] != "accepted") {
					sh.Errorf("%s: %v", code, e)
				}
			}
		}
	})
}

// history returns the history of a key.
func (sh shell) history(code string) (all []map[string]any) {
	sh.Helper()
	var key struct{ History []map[string]any }
	if err := json.Unmarshal([]byte(sh.ok("keys", "show", code, "--output", "json")), &key); err != nil {
		sh.Fatal(err)
	}
	return key.History
}

// TestOutputWithCodesIsAudited checks that a command that prints codes logs their number, also if it fails. So does a command
// that writes them to a file, and one whose changes leave no actor in the history.
func TestOutputWithCodesIsAudited(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		s := serve(sh)
		s.upgrade("ann")
		for line, want := range map[string]string{
			"keys export": `"count": 3`, "keys export --spreadsheet": `"count": 3`, "tasks list": `"count": 1`, "tasks list --output json": `"count": 1`,
			"keys list": `"count": 3`, "keys list --status in_queue,success": `"count": 1`, "find ann": `"count": 1`,
			"tasks list --state suspect": "", "keys show ann": "", "plans list": "",
			"plans retire elm": `"action": "plans retire", "actor": "` + actor() + `"`,
		} {
			_, stderr, _ := sh.run("", strings.Fields(line)...)
			if want == "" && stderr != "" || !strings.Contains(stderr, want) || want != "" && auditLines.ReplaceAllString(stderr, "") != "" {
				sh.Errorf("%s: %s", line, stderr)
			}
		}
		written := []string{"keys generate --count 4", "backup " + sh.dir + "/backup.db"} // the backup has seven keys
		if !strings.HasPrefix(sh.env[0], "KEYSEAT_DATABASE=sqlite:") {
			written = written[:1]
		}
		for i, line := range written {
			if _, stderr, _ := sh.run("", strings.Fields(line)...); !strings.Contains(stderr, []string{`"count": 4`, `"count": 7`}[i]) {
				sh.Errorf("%s: %s", line, stderr)
			}
		}
	})
}
