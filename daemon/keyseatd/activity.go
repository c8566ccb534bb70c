package main

import (
	"context"
	"errors"
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
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
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

// activityPause is the time between two deletions of old entries, and activityBatch the number of entries of one
// deletion.
const (
	activityPause = time.Hour
	activityBatch = 1000
)

// deleteOldActivity deletes the entries that are older than --activity-days, until ctx ends.
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

type findCmd struct {
	databaseList
	Text string `arg:"" help:"A code, an order, a username, or the id of a task or plan; whole, or its beginning."`
}

type match struct {
	By       string      `json:"by"` // code, order, username, task or plan
	Code     keys.Code   `json:"code"`
	Status   keys.Status `json:"status"`
	OrderID  string      `json:"order_id"`
	Username string      `json:"username"`
	Task     string      `json:"task"`
	Plan     string      `json:"plan"`
}

var matchTable = terminal.Layout[match]{
	Header: "BY CODE STATUS ORDER~ USERNAME~? TASK? PLAN?",
	Cells: func(m match) []string {
		return []string{m.By, string(m.Code), string(m.Status), m.OrderID, m.Username, m.Task, m.Plan}
	},
}

const searchLimit = 20 // the maximum number of results of each kind

// Run prints what the search has found. It logs how many codes it printed.
func (f *findCmd) Run(ctx context.Context, c stdio) error {
	return f.open(ctx, func(s *bunstore.Store) error {
		found, err := s.Search(ctx, adminstore.ParseSearch(f.Text, true, searchLimit))
		if err != nil {
			return err
		}
		all := matches(found)
		if len(all) == 0 {
			return errors.New("nothing matches: a code is found by its whole text, its beginning or its last group, everything else by its beginning")
		}
		defer c.auditOutput(ctx, s, "find", len(all)-len(found.Plans))
		return terminal.PrintList(c.out, f.Output, matchTable, seq.All(all))
	})
}

func matches(found adminstore.Found) (all []match) {
	for _, part := range []struct {
		by    string
		views []tasks.Snapshot
	}{{"code", found.Codes}, {"order", found.Orders}, {"username", found.Usernames}, {"task", found.Tasks}} {
		for _, v := range part.views {
			m := match{By: part.by, Code: v.Key.Code, Status: v.Key.Status, OrderID: v.Key.OrderID, Username: v.Key.Username}
			if v.Task != nil {
				m.Task, m.Plan = v.Task.ID, v.Task.Plan.ID
			}
			all = append(all, m)
		}
	}
	for _, p := range found.Plans {
		all = append(all, match{By: "plan", Plan: p.ID})
	}
	return all
}

type stockCmd struct{ databaseList }

func (k *stockCmd) Run(ctx context.Context, c stdio) error {
	return k.open(ctx, func(s *bunstore.Store) error {
		levels, err := operatorEngine(s).Stock(ctx)
		if err != nil {
			return err
		}
		views := seq.Map(seq.All(levels), func(l stock.Level) view.Level { return view.Level(l) })
		return terminal.PrintList(c.out, k.Output, stockTable, views)
	})
}

var stockTable = terminal.Layout[view.Level]{
	Header: "COUNTRY SIZE FREE HELD SPENT SUSPECT IDLE",
	Cells: func(l view.Level) []string {
		return []string{
			string(l.Country), strconv.Itoa(l.Size), strconv.Itoa(l.Free), strconv.Itoa(l.Held),
			strconv.Itoa(l.Spent), strconv.Itoa(l.Suspect), strconv.Itoa(l.Idle),
		}
	},
}
