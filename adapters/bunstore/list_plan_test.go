package bunstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

// A listCase is a list or a search, and the indexes that it must use.
type listCase struct {
	keys    *adminstore.KeyFilter
	tasks   *adminstore.TaskFilter
	actions *activity.Filter
	search  string
	count   func(context.Context, stats.TaskStats) error
	indexes string
}

var listCases = []listCase{
	{keys: &adminstore.KeyFilter{OrderID: new("order-7")}, indexes: "keys_order"},
	{keys: &adminstore.KeyFilter{OrderID: new("order-7"), Used: new(true)}, indexes: "keys_order"},
	{keys: &adminstore.KeyFilter{Statuses: []keys.Status{keys.Failed}}, indexes: "keys_state"},
	{keys: &adminstore.KeyFilter{Used: new(true)}, indexes: "keys_state"},
	{keys: &adminstore.KeyFilter{Revoked: new(true)}, indexes: "keys_state"},
	{keys: &adminstore.KeyFilter{BoughtAfter: time.Unix(9, 0)}, indexes: "keys_state"},
	{keys: &adminstore.KeyFilter{BoughtBefore: time.Unix(99, 0)}, indexes: "keys_state"},
	{keys: &adminstore.KeyFilter{}, indexes: "keys_state"},
	{keys: &adminstore.KeyFilter{Country: "US"}, indexes: "tasks_by_country tasks_by_outcome"},
	{keys: &adminstore.KeyFilter{Plan: "p"}, indexes: "tasks_by_outcome tasks_by_plan"},
	{tasks: &adminstore.TaskFilter{}, indexes: "tasks_by_outcome"},
	{tasks: &adminstore.TaskFilter{State: adminstore.OpenTask}, indexes: "tasks_by_outcome"},
	{tasks: &adminstore.TaskFilter{State: adminstore.RetryingTask}, indexes: "tasks_by_outcome"},
	{tasks: &adminstore.TaskFilter{State: adminstore.EndedTask}, indexes: "tasks_by_outcome"},
	{tasks: &adminstore.TaskFilter{State: adminstore.FailedTask}, indexes: "tasks_by_outcome"},
	{tasks: &adminstore.TaskFilter{State: adminstore.SuspectTask}, indexes: "tasks_suspect"},
	{tasks: &adminstore.TaskFilter{Outcomes: []tasks.Outcome{tasks.Success}}, indexes: "tasks_by_outcome"},
	{tasks: &adminstore.TaskFilter{Since: time.Unix(9, 0), Until: time.Unix(99, 0)}, indexes: "tasks_by_outcome"},
	{tasks: &adminstore.TaskFilter{Country: "US"}, indexes: "tasks_by_country tasks_by_outcome"},
	{tasks: &adminstore.TaskFilter{Country: "US", State: adminstore.FailedTask}, indexes: "tasks_by_country"},
	{tasks: &adminstore.TaskFilter{Plan: "p"}, indexes: "tasks_by_outcome tasks_by_plan"},
	{actions: &activity.Filter{}, indexes: "activity_at"},
	{actions: &activity.Filter{Since: time.Unix(9, 0), Until: time.Unix(99, 0)}, indexes: "activity_at"},
	{actions: &activity.Filter{Actor: "a"}, indexes: "activity_actor"},
	{actions: &activity.Filter{Action: activity.RevokeKey}, indexes: "activity_action"},
	{actions: &activity.Filter{Actor: "a", Action: activity.RevokeKey}, indexes: "activity_actor"},
	{actions: &activity.Filter{Subject: "s"}, indexes: "activity_key activity_order activity_plan activity_task"},
	{count: countByHour(stats.Filter{}), indexes: "tasks_by_outcome"},
	{count: countByHour(stats.Filter{Country: "US"}), indexes: "tasks_by_country tasks_by_outcome"},
	{count: countByHour(stats.Filter{Plan: "p"}), indexes: "tasks_by_outcome tasks_by_plan"},
	{count: func(ctx context.Context, s stats.TaskStats) error {
		_, err := s.CountSold(ctx, []stock.Country{"US", "DE"}, time.Unix(9, 0), 100)
		return err
	}, indexes: "tasks_by_country"},
	{search: "GJ5KA", indexes: "keys_end keys_order keys_username tasks_id"},
}

// countByHour returns a case that counts the tasks of a filter.
func countByHour(f stats.Filter) func(context.Context, stats.TaskStats) error {
	return func(ctx context.Context, s stats.TaskStats) error {
		_, err := s.CountByHour(ctx, time.Unix(9, 0), 24, f)
		return err
	}
}

// run runs the case on a store. It reads pages in both orders. If after is true, it reads them from the middle of the
// list on.
func (c listCase) run(ctx context.Context, s *bunstore.Store, after bool) (err error) {
	if c.count != nil {
		return c.count(ctx, s)
	}
	if c.search != "" {
		_, err = s.Search(ctx, adminstore.ParseSearch(c.search, true, 20))
		return err
	}
	for _, order := range []adminstore.Order{adminstore.Oldest, adminstore.Newest} {
		p := adminstore.Page{Order: order, Limit: 50}
		if after {
			p.After = adminstore.Position{At: time.Unix(50, 0), ID: "K"}
		}
		switch {
		case c.keys != nil:
			_, err = s.Keys(ctx, *c.keys, p)
		case c.actions != nil:
			_, err = s.Activity(ctx, *c.actions, p)
		default:
			_, err = s.Tasks(ctx, *c.tasks, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var (
	usedIndex    = regexp.MustCompile(`\bkeyseat_((?:activity|keys|tasks)_\w+)\b`)
	joins        = regexp.MustCompile(`_(pkey|keys_1|tasks_1)$`) // primary keys
	fullScan     = regexp.MustCompile(`Seq Scan|Bitmap|SCAN [akt]( USING (COVERING )?INDEX keyseat_keys|$)`)
	sinceIndexed = regexp.MustCompile(`created_at ?>`)
	bounded      = regexp.MustCompile(`ROW\(|<expr>[=><]|created_at[,)]|created_at[><]|\bat[,)=><]`)
)

// TestListsUseIndexes reads the query plans of all lists and of the search. The tables have no rows. But each query plan
// must read the rows in the order of an index, from the position at which the page begins.
func TestListsUseIndexes(t *testing.T) {
	inLabs(t, func(l *lab) {
		db, err := l.db.Conn(l.life)
		if err != nil {
			l.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		for i, c := range listCases {
			for _, after := range []bool{false, true} {
				l.sent = nil
				if err := c.run(l.life, l.frail, after); err != nil {
					l.Fatal(err)
				}
				got := map[string]bool{}
				for _, text := range l.sent {
					if !strings.Contains(text, "FROM keyseat_") {
						continue
					}
					plan := explain(l, db, text)
					for _, index := range usedIndex.FindAllStringSubmatch(plan, -1) {
						got[index[1]] = true
					}
					if fullScan.MatchString(plan) || after && c.search == "" && c.count == nil && !bounded.MatchString(plan) || c.count != nil && !sinceIndexed.MatchString(plan) {
						l.Errorf("case %d, after %v: %s\n%s", i, after, text, plan)
					}
				}
				maps.DeleteFunc(got, func(name string, _ bool) bool {
					return joins.MatchString(name) || name == "tasks_id" && c.search == ""
				})
				if indexes := strings.Join(slices.Sorted(maps.Keys(got)), " "); indexes != c.indexes {
					l.Errorf("case %d, after %v: used %s, not %s", i, after, indexes, c.indexes)
				}
			}
		}
	}, "postgres", "sqlite")
}

var parameters = regexp.MustCompile(`[$?](\d+)`)

// countParameters returns the number of parameters of a statement.
func countParameters(text string) (n int) {
	for _, p := range parameters.FindAllStringSubmatch(text, -1) {
		i, _ := strconv.Atoi(p[1])
		n = max(n, i)
	}
	return n
}

// explain returns the query plan of a statement. The database makes it without the arguments.
func explain(l *lab, db *sql.Conn, text string) string {
	l.Helper()
	n := countParameters(text)
	run := "EXPLAIN QUERY PLAN " + text
	args := make([]any, n)
	if !strings.HasPrefix(l.url, "sqlite:") {
		nulls := "(" + strings.Join(slices.Repeat([]string{"NULL"}, n), ", ") + ")"
		if n == 0 {
			nulls = ""
		}
		for _, set := range []string{"SET plan_cache_mode = force_generic_plan", "SET enable_seqscan = off", "SET enable_sort = off", "SET enable_bitmapscan = off", "PREPARE one AS " + text} {
			if _, err := db.ExecContext(l.life, set); err != nil {
				l.Fatal(set, err)
			}
		}
		run, args = "EXPLAIN (COSTS off) EXECUTE one"+nulls, nil
	}
	defer func() { _, _ = db.ExecContext(l.life, "DEALLOCATE one") }() // fails on SQLite
	rows, err := db.QueryContext(l.life, run, args...)
	if err != nil {
		l.Fatal(run, err)
	}
	defer func() { _ = rows.Close() }()
	plan := ""
	for rows.Next() {
		var line string
		into := []any{&line}
		if strings.HasPrefix(l.url, "sqlite:") {
			var id, parent, unused int
			into = []any{&id, &parent, &unused, &line}
		}
		if err := rows.Scan(into...); err != nil {
			l.Fatal(err)
		}
		plan += fmt.Sprintln(line)
	}
	if err := rows.Err(); err != nil {
		l.Fatal(err)
	}
	return plan
}
