// Package auditlog writes the audit log of operators' actions.
//
//	the admin API ┐          ┌▶ a line of the daemon's log
//	the console   ┼▶ Log.Write
//	commands      ┘          └▶ an entry, which `GET /admin/v1/activity` and the console list
//
// Neither a line nor an entry may contain a code, a login, a password, a username or a token.
package auditlog

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/tasks/activity"
)

// A Log writes actions to a log and to a store.
type Log struct {
	Lines   *slog.Logger   // nil: no lines
	Entries activity.Store // nil: no entries

	Errors  *slog.Logger      // logs entries that cannot be stored; nil: they are not logged
	Limiter *loglimit.Limiter // limits the lines about such errors
}

// recordTimeout limits how long an entry may take to be stored, because the client waits for its response meanwhile.
const recordTimeout = 2 * time.Second

// Write writes a line with the attributes in attrs. Then it stores an entry with the attributes in attrs and in more.
// If the entry cannot be stored, Write only logs that, because the action has already happened. It stores an entry even
// after ctx has ended.
func (l Log) Write(ctx context.Context, level slog.Level, message string, attrs []slog.Attr, more ...slog.Attr) {
	if l.Lines != nil {
		l.Lines.LogAttrs(ctx, level, message, attrs...)
	}
	if l.Entries == nil {
		return
	}
	e := entry(append(attrs[:len(attrs):len(attrs)], more...))
	e.ID = rand.Text()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	err := l.Entries.RecordActivity(ctx, e)
	l.Limiter.LogState(ctx, l.Errors, loglimit.Event{Level: slog.LevelError, Message: "cannot store an entry of the audit log"}, err)
}

func entry(attrs []slog.Attr) (e activity.Entry) {
	texts := map[string]*string{
		"token": &e.Actor, "actor": &e.Actor, "client": &e.Address, "key": &e.Key, "task": &e.Task, "plan": &e.Plan,
		"order": &e.OrderID, "error": &e.Error,
	}
	for _, a := range attrs {
		switch to, known := texts[a.Key]; {
		case known:
			*to = printable(a.Value.String())
		case a.Key == "action":
			name := a.Value.String()
			e.Action = cmp.Or(actions[name], activity.Action(strings.ReplaceAll(name, " ", "_")))
		case a.Key == "count":
			e.Count = int(a.Value.Int64())
		}
	}
	return e
}

// printable returns a text without control characters and without bytes that are not UTF-8, because a database may
// refuse them.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// actions maps the names of actions in log lines to the actions of entries. The admin API, the console and the commands
// each have names of their own for an action. The map leaves out a name that differs from its [activity.Action] only by
// spaces instead of underscores.
var actions = map[string]activity.Action{
	"GET /admin/v1/keys":                 activity.ListKeys,
	"POST /admin/v1/keys":                activity.IssueKeys,
	"GET /admin/v1/keys/{code}":          activity.ShowKey,
	"POST /admin/v1/keys/{code}/revoke":  activity.RevokeKey,
	"POST /admin/v1/keys/{code}/restore": activity.RestoreKey,
	"POST /admin/v1/keys/{code}/reset":   activity.ResetKey,
	"PUT /admin/v1/plans/{id}":           activity.EditPlan,
	"POST /admin/v1/plans/{id}/retire":   activity.RetirePlan,
	"GET /admin/v1/tasks":                activity.ListTasks,
	"GET /admin/v1/tasks/{id}":           activity.ShowTask,
	"POST /admin/v1/tasks/{id}/retry":    activity.RetryTask,
	"POST /admin/v1/tasks/{id}/resolve":  activity.ResolveTask,
	"POST /admin/v1/tasks/{id}/release":  activity.ReleaseTask,
	"GET /admin/v1/search":               activity.Search,

	"keys generate":   activity.IssueKeys,
	"keys import":     activity.ImportKeys,
	"keys export":     activity.ExportKeys,
	"keys list":       activity.ListKeys,
	"keys revoke":     activity.RevokeKey,
	"keys restore":    activity.RestoreKey,
	"keys reset":      activity.ResetKey,
	"tasks list":      activity.ListTasks,
	"tasks retry":     activity.RetryTask,
	"tasks resolve":   activity.ResolveTask,
	"plans import":    activity.ImportPlans,
	"plans retire":    activity.RetirePlan,
	"plans release":   activity.ReleaseTask,
	"plans restock":   activity.EditPlan,
	"find":            activity.Search,
	"doctor --repair": activity.Repair,
	"webhooks replay": activity.ReplayWebhooks,
	"webhooks resume": activity.ResumeWebhooks,
	"webhooks forget": activity.ForgetWebhooks,
}
