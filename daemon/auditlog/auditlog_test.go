package auditlog_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/auditlog"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// write writes one line and returns the log and the entries.
func write(t *testing.T, ctx context.Context, attrs ...slog.Attr) (string, []activity.Entry) { //nolint:revive // the context is the subject
	t.Helper()
	var log bytes.Buffer
	store, lines := memory.New(time.Now), slog.New(slog.NewTextHandler(&log, nil))
	l := auditlog.Log{Lines: lines, Entries: store, Errors: lines, Limiter: new(loglimit.Limiter)}
	l.Write(ctx, slog.LevelInfo, "admin", attrs, slog.String("plan", "p"))
	all, err := store.Activity(ctx, activity.Filter{}, adminstore.Page{Limit: 9})
	if err != nil {
		t.Fatal(err)
	}
	return log.String(), all.Entries
}

// TestWrite checks that an entry has the known attributes of its line, and nothing of the others.
func TestWrite(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the client has disconnected
	log, entries := write(t, ctx, slog.String("request", "secret"), slog.String("action", "POST /admin/v1/tasks/{id}/retry"), slog.String("token", "ann\x00"),
		slog.String("client", "192.0.2.1"), slog.Int("code", 409), slog.String("error", "the task has ended"), slog.String("key", "a7f5af2290c021d2"),
		slog.String("task", "T"), slog.String("order", "o"), slog.Int("count", 3), slog.String("login", "canary"))
	if !strings.HasSuffix(log, `code=409 error="the task has ended" key=a7f5af2290c021d2 task=T order=o count=3 login=canary`+"\n") || strings.Count(log, "\n") != 1 {
		t.Error(log)
	}
	want := activity.Entry{
		Actor: "ann", Address: "192.0.2.1", Action: activity.RetryTask, Key: "a7f5af2290c021d2", Task: "T", Plan: "p", OrderID: "o", Count: 3,
		Error: "the task has ended",
	}
	want.ID, want.At = entries[0].ID, entries[0].At
	if entries[0] != want || want.ID == "" {
		t.Errorf("%+v", entries)
	}
}

// TestActions checks that each call of the admin API that can write a line, and each name of another line, has an action.
func TestActions(t *testing.T) {
	names := []string{
		"sign in", "sign out", "show key", "export keys", "export tasks", "import keys", "import plans", // the console
		"keys generate", "keys import", "keys export", "keys list", "keys revoke", "keys restore", "keys reset", "tasks list", "tasks retry",
		"tasks resolve", "plans import", "plans retire", "plans release", "plans restock", "find", "doctor --repair", "archive",
		"webhooks replay", "webhooks resume", "webhooks forget", // commands
	}
	for _, route := range admin.Routes() {
		if !slices.Contains([]string{"openapi.json", "public-openapi.json", "plans", "stock", "activity"}, strings.TrimPrefix(route, "GET /admin/v1/")) {
			names = append(names, route)
		}
	}
	used := map[activity.Action]bool{}
	for _, name := range names {
		_, entries := write(t, t.Context(), slog.String("action", name))
		used[entries[0].Action] = true
		if !slices.Contains(activity.Actions(), entries[0].Action) {
			t.Errorf("%s is %s", name, entries[0].Action)
		}
	}
	for _, a := range activity.Actions() {
		if !used[a] {
			t.Errorf("no line has the action %s", a)
		}
	}
}

// failing is a store that stores no entry.
type failing struct{ activity.Store }

func (failing) RecordActivity(context.Context, activity.Entry) error { return errors.New("away") }

// TestFailedEntry checks that a line is written although its entry cannot be stored, and that this error is logged once.
func TestFailedEntry(t *testing.T) {
	var lines, problems bytes.Buffer
	l := auditlog.Log{
		Lines: slog.New(slog.NewTextHandler(&lines, nil)), Entries: failing{},
		Errors: slog.New(slog.NewTextHandler(&problems, nil)), Limiter: new(loglimit.Limiter),
	}
	for range 3 {
		l.Write(t.Context(), slog.LevelInfo, "admin", nil)
	}
	if got := problems.String(); strings.Count(lines.String(), "msg=admin") != 3 || strings.Count(got, "\n") != 1 || !strings.Contains(got, "cannot store an entry of the audit log\" error=away") {
		t.Errorf("%s\n%s", &lines, got)
	}
	auditlog.Log{}.Write(t.Context(), slog.LevelInfo, "admin", nil)
}
