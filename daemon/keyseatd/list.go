package main

import (
	"context"
	"iter"
	"strconv"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// rangeFlags select the format of a list, and which of its rows are printed.
type rangeFlags struct {
	Output terminal.Format `help:"Print a table for people, or json or csv for programs." enum:"table,json,csv" default:"table"`
	Newest bool            `help:"List the newest first."`
	Limit  int             `help:"List at most N; 0 lists all." default:"0" placeholder:"N" validate:"min=0"`
}

// listFlags are the flags of a list of keys or tasks.
type listFlags struct {
	rangeFlags
	Country stock.Country `help:"Only tasks with an account in this country, or keys whose latest task has one." placeholder:"CODE"`
	Plan    string        `help:"Only tasks with a slot of this plan, or keys whose latest task has one." placeholder:"ID" validate:"text"`
}

func (l rangeFlags) page() adminstore.Page {
	p := adminstore.Page{Order: adminstore.Oldest, Limit: pageSize}
	if l.Newest {
		p.Order = adminstore.Newest
	}
	if l.Limit > 0 {
		p.Limit = min(p.Limit, l.Limit)
	}
	return p
}

// limited yields up to limit entries, and counts in n how many it has yielded. The limit 0 means all entries.
func limited[T any](limit int, all iter.Seq2[T, error], n *int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range all {
			if err == nil {
				*n++
			}
			if !yield(v, err) || *n == limit {
				return
			}
		}
	}
}

type keysList struct {
	databaseFlag
	listFlags
	Order        string        `help:"Only keys of this order." placeholder:"ID" validate:"text"`
	Status       []keys.Status `help:"Only keys with one of these statuses: ${enum}." enum:"${statuses}" placeholder:"STATUS"`
	Used         *bool         `help:"Only used keys, or only unused ones." negatable:""`
	Revoked      *bool         `help:"Only revoked keys, or only those that are not." negatable:""`
	BoughtAfter  time.Time     `help:"Only keys bought then or later: a time or a date." placeholder:"TIME"`
	BoughtBefore time.Time     `help:"Only keys bought earlier: a time or a date." placeholder:"TIME"`
	After        string        `help:"Begin after this key." placeholder:"CODE"`
}

// Run lists the keys. It logs how many codes it printed.
func (k *keysList) Run(ctx context.Context, c stdio) error {
	f := adminstore.KeyFilter{
		Statuses: k.Status, Used: k.Used, Revoked: k.Revoked, BoughtAfter: k.BoughtAfter, BoughtBefore: k.BoughtBefore,
		Country: k.Country, Plan: k.Plan,
	}
	if k.Order != "" {
		f.OrderID = &k.Order
	}
	return k.open(ctx, func(s *bunstore.Store) error {
		p := k.page()
		if f.IsZero() && !k.Newest {
			p.Order = ""
		}
		if err := k.begin(ctx, s, f, &p); err != nil {
			return err
		}
		n := 0
		defer func() { c.auditOutput(ctx, s, "keys list", n) }()
		all := limited(k.Limit, listKeys(ctx, s, f, p), &n)
		if k.Output == terminal.CSV {
			return csvfile.WriteKeys(c.out, seq.Map(all, func(v tasks.Snapshot) keys.Key { return v.Key }), false)
		}
		return terminal.PrintList(c.out, k.Output, keyTable, seq.Map(all, view.NewKey))
	})
}

// begin makes the list begin after the key of the flag --after, if that flag is given.
func (k *keysList) begin(ctx context.Context, s *bunstore.Store, f adminstore.KeyFilter, p *adminstore.Page) error {
	if k.After == "" {
		return nil
	}
	code, err := keys.ParseTyped(k.After)
	if err != nil {
		return err
	}
	v, err := operatorEngine(s).Snapshot(ctx, code)
	if err == nil && (!v.Key.Exists() || f.ByTask() && v.Task == nil) {
		err = tasks.ErrNoKey
	}
	if err == nil {
		p.After = f.Position(p.Order, v)
	}
	return err
}

var keyTable = terminal.Layout[view.Key]{
	Header: "CODE STATUS USED REVOKED? ORDER~ PURCHASED? USERNAME~? COUNTRY? PLAN?",
	Cells: func(k view.Key) []string {
		country, plan := "", ""
		if k.Task != nil {
			country, plan = string(k.Task.Country), k.Task.Plan
		}
		return []string{
			string(k.Code), string(k.Status), yesNo(k.Used), yesNo(k.Revoked), k.OrderID, k.PurchaseDate.String(),
			k.Username, country, plan,
		}
	},
}

type tasksCmd struct {
	List    tasksList    `cmd:"" help:"List tasks by state, outcome, country, plan or time."`
	Retry   tasksRetry   `cmd:"" help:"Make an open task due now."`
	Resolve tasksResolve `cmd:"" help:"Resolve the suspect slot of a task."`
}

type tasksList struct {
	databaseFlag
	listFlags
	State   string          `help:"Only tasks in this state: ${enum}." enum:"any, open, waiting, running, retrying, ended, failed, suspect" default:"any"`
	Outcome []tasks.Outcome `help:"Only tasks that ended with one of these outcomes: ${enum}." enum:"${outcomes}" placeholder:"OUTCOME"`
	Since   time.Time       `help:"Only tasks accepted then or later: a time or a date." placeholder:"TIME"`
	Until   time.Time       `type:"end" help:"Only tasks accepted earlier: a time, or a date, of which the whole day counts." placeholder:"TIME"`
	Key     string          `help:"Only tasks of this key." placeholder:"CODE"`
}

// Run lists the tasks that match the flags. It logs how many codes it printed.
func (t *tasksList) Run(ctx context.Context, c stdio) (err error) {
	f := adminstore.TaskFilter{Outcomes: t.Outcome, Country: t.Country, Plan: t.Plan, Since: t.Since, Until: t.Until}
	if t.State != "any" {
		f.State = adminstore.TaskState(t.State)
	}
	if t.Key != "" {
		if f.Code, err = keys.ParseTyped(t.Key); err != nil {
			return err
		}
	}
	return t.open(ctx, func(s *bunstore.Store) error {
		n := 0
		defer func() { c.auditOutput(ctx, s, "tasks list", n) }()
		views := seq.Map(limited(t.Limit, listTasks(ctx, s, f, t.page()), &n), func(v tasks.Snapshot) view.Task { return view.NewTask(*v.Task) })
		return terminal.PrintList(c.out, t.Output, taskTable, views)
	})
}

var taskTable = terminal.Layout[view.Task]{
	Header: "ID CODE~ KIND COUNTRY? STATE OUTCOME PLAN? SLOT? ATTEMPTS? CREATED? DUE? ENDED?",
	Cells: func(t view.Task) []string {
		return []string{
			t.ID, string(t.Code), string(t.Kind), string(t.Country), string(t.State), string(t.Outcome),
			t.Plan, string(t.Slot), strconv.Itoa(t.Attempts), t.CreatedAt.String(), t.DueAt.String(), t.EndedAt.String(),
		}
	},
}

// pageSize is the maximum number of rows in one page of a list. Only one page is in memory, a few megabytes. On Citus,
// every shard sends up to pageSize rows for each page, so a long list with small pages would be slow.
const pageSize = 5000

func listKeys(ctx context.Context, s adminstore.AdminStore, f adminstore.KeyFilter, first adminstore.Page) iter.Seq2[tasks.Snapshot, error] {
	return adminstore.Each(first, func(p adminstore.Page) (adminstore.List, error) { return s.Keys(ctx, f, p) })
}

func listTasks(ctx context.Context, s adminstore.AdminStore, f adminstore.TaskFilter, first adminstore.Page) iter.Seq2[tasks.Snapshot, error] {
	return adminstore.Each(first, func(p adminstore.Page) (adminstore.List, error) { return s.Tasks(ctx, f, p) })
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
