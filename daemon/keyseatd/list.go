package main

import (
	"context"
	"encoding"
	"iter"
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

// rangeFlags select the part of a list, and its form.
type rangeFlags struct {
	Output terminal.Format `help:"Print a table for people, or json or csv for programs." enum:"table,json,csv" default:"table"`
	Newest bool            `help:"List the newest first."`
	Limit  int             `help:"List at most N; 0 lists all." default:"0" placeholder:"N" validate:"min=0"`
}

// listFlags select the part of a list of keys or tasks, and its form.
type listFlags struct {
	rangeFlags
	Country countryText `help:"Only tasks with an account in this country, or keys whose latest task has one." placeholder:"CODE"`
	Plan    string      `help:"Only tasks with a slot of this plan, or keys whose latest task has one." placeholder:"ID" validate:"text"`
}

// page returns the first page of the list.
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

// limited yields the entries up to the limit, and counts them in n. The limit 0 means all.
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

// The values of flags that are checked when they are parsed.
type (
	timeText    struct{ at time.Time } // a time, or a date, which means its beginning
	endText     struct{ at time.Time } // a time, or a date, which means its end
	countryText stock.Country
)

var (
	_ encoding.TextUnmarshaler = (*timeText)(nil)
	_ encoding.TextUnmarshaler = (*endText)(nil)
	_ encoding.TextUnmarshaler = (*countryText)(nil)
)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (t *timeText) UnmarshalText(text []byte) (err error) {
	t.at, err = csvfile.ParseTime(string(text))
	return err
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (t *endText) UnmarshalText(text []byte) (err error) {
	t.at, err = csvfile.ParseEnd(string(text))
	return err
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *countryText) UnmarshalText(text []byte) error {
	country, err := csvfile.ParseCountry(string(text))
	*c = countryText(country)
	return err
}

// keysList is the command keyseatd keys list.
type keysList struct {
	databaseFlag
	listFlags
	Order        string   `help:"Only keys of this order." placeholder:"ID" validate:"text"`
	Status       []string `help:"Only keys with one of these statuses: ${enum}." enum:"${statuses}" placeholder:"STATUS"`
	Used         *bool    `help:"Only used keys, or only unused ones." negatable:""`
	Revoked      *bool    `help:"Only revoked keys, or only those that are not." negatable:""`
	BoughtAfter  timeText `help:"Only keys bought then or later: a time or a date." placeholder:"TIME"`
	BoughtBefore timeText `help:"Only keys bought earlier: a time or a date." placeholder:"TIME"`
	After        string   `help:"Begin after this key." placeholder:"CODE"`
}

// Run lists the keys. It logs how many codes it printed.
func (k *keysList) Run(ctx context.Context, c stdio) error {
	f := adminstore.KeyFilter{
		Used: k.Used, Revoked: k.Revoked, BoughtAfter: k.BoughtAfter.at, BoughtBefore: k.BoughtBefore.at,
		Country: stock.Country(k.Country), Plan: k.Plan,
	}
	if k.Order != "" {
		f.OrderID = &k.Order
	}
	for _, status := range k.Status {
		f.Statuses = append(f.Statuses, keys.Status(status))
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

// begin sets the beginning of the list to the key of the flag --after.
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

// pageSize is the number of rows that are in memory simultaneously, a few megabytes. On Citus each shard sends that many
// rows for a page, so long lists need large pages.
const pageSize = 5000

// listKeys yields the keys that match a filter.
func listKeys(ctx context.Context, s adminstore.AdminStore, f adminstore.KeyFilter, first adminstore.Page) iter.Seq2[tasks.Snapshot, error] {
	return adminstore.Each(first, func(p adminstore.Page) (adminstore.List, error) { return s.Keys(ctx, f, p) })
}

// listTasks yields the tasks that match a filter.
func listTasks(ctx context.Context, s adminstore.AdminStore, f adminstore.TaskFilter, first adminstore.Page) iter.Seq2[tasks.Snapshot, error] {
	return adminstore.Each(first, func(p adminstore.Page) (adminstore.List, error) { return s.Tasks(ctx, f, p) })
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
