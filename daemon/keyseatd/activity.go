package main

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/faultinject"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

type activityCmd struct {
	databaseFlag
	rangeFlags
	Actor   string    `help:"Only actions of this token, or of this user@host (CLI)." placeholder:"NAME" validate:"text"`
	Action  string    `help:"Only this action: ${enum}." enum:"any, ${actions}" default:"any" placeholder:"ACTION"`
	Subject string    `help:"Only actions on this key, task, plan or order: a fingerprint or an id." placeholder:"ID" validate:"text"`
	Since   time.Time `help:"Only actions then or later: a time or a date." placeholder:"TIME"`
	Until   time.Time `type:"end" help:"Only earlier actions: a time, or a date, of which the whole day counts." placeholder:"TIME"`
}

func (a *activityCmd) Run(ctx context.Context, c stdio) error {
	f := activity.Filter{Actor: a.Actor, Subject: a.Subject, Since: a.Since, Until: a.Until}
	if a.Action != "any" {
		f.Action = activity.Action(a.Action)
	}
	return a.open(ctx, func(s *bunstore.Store) error {
		all := adminstore.Each(a.page(), func(p adminstore.Page) (activity.List, error) { return s.Activity(ctx, f, p) })
		return terminal.PrintList(c.out, a.Output, activityTable, seq.Map(limited(a.Limit, all, new(int)), view.NewActivityEntry))
	})
}

var activityTable = terminal.Layout[view.ActivityEntry]{
	Header: "AT ACTOR~ ACTION COUNT? KEY? TASK? PLAN? ORDER~? ADDRESS? ERROR~",
	Cells: func(e view.ActivityEntry) []string {
		count := ""
		if e.Count > 0 {
			count = strconv.Itoa(e.Count)
		}
		return []string{e.At.String(), e.Actor, string(e.Action), count, e.Key, e.Task, e.Plan, e.OrderID, e.Address, e.Error}
	},
}

const (
	activityBatch = 1000      // the maximum number of entries of one deletion
	activityPause = time.Hour // the pause after a deletion of fewer than activityBatch entries
)

// deleteOldActivity deletes the entries of the audit log that are older than --activity-days, until ctx ends.
func (s *serveCmd) deleteOldActivity(ctx context.Context, store activity.Store, log *slog.Logger) {
	var limiter loglimit.Limiter
	for s.ActivityDays > 0 && ctx.Err() == nil {
		n, err := store.DeleteActivity(ctx, faultinject.Now().AddDate(0, 0, -s.ActivityDays), activityBatch)
		if ctx.Err() == nil {
			limiter.LogState(ctx, log, loglimit.Event{Level: slog.LevelWarn, Message: "cannot delete old entries of the activity"}, err)
		}
		if n < activityBatch {
			_ = clock.Sleep(ctx, activityPause) // the loop checks ctx
		}
	}
}
