package bunstore

import (
	"context"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

var _ activity.Store = (*Store)(nil)

var activityTable = query.TableOf[activity.Entry, activityColumns]("keyseat_activity")

type activityColumns struct {
	ID      string          `bun:"id,pk"`
	At      time.Time       `bun:"at"`
	Actor   string          `bun:"actor"`
	Address string          `bun:"address"`
	Action  activity.Action `bun:"action"`
	Key     string          `bun:"key_id"`
	Task    string          `bun:"task_id"`
	Plan    string          `bun:"plan_id"`
	OrderID string          `bun:"order_id"`
	Count   int             `bun:"count"`
	Error   string          `bun:"error"`
}

// RecordActivity implements [activity.Store]. In a distributed store all entries are on one server.
// Without WHERE true, SQLite would read ON CONFLICT as the condition of a join.
func (s *Store) RecordActivity(ctx context.Context, e activity.Entry) error {
	_, err := s.execInTx(ctx, query.Args{"e": activityTable.Rows([]activity.Entry{e})}, `
		WITH @e INSERT INTO keyseat_activity (`+activityTable.Columns.List("%")+`)
		SELECT id, @now, actor, address, action, key_id, task_id, plan_id, order_id, count, error FROM e WHERE true ON CONFLICT (id) DO NOTHING`)
	return s.wrap("record an action", err)
}

// Activity implements [activity.Store].
func (s *Store) Activity(ctx context.Context, f activity.Filter, p adminstore.Page) (activity.List, error) {
	l := activityListing(f)
	l.columns, l.join = activityTable.Columns.List("a.%"), `JOIN keyseat_activity a ON a.id = page.id`
	return readList(ctx, s, l, p, f.Position, query.Append)
}

// activityListing returns the SQL of a list of activity entries. A subject can be in any of four columns. Each of these
// columns has an index, so a list by subject merges a range of each index.
func activityListing(f activity.Filter) listing {
	l := listing{
		from: "keyseat_activity a", at: "a.at", id: "a.id", code: "a.id",
		args: query.Args{"actor": f.Actor, "action": string(f.Action), "subject": f.Subject}, since: f.Since, until: f.Until,
	}
	if f.Actor != "" {
		l.ranges = append(l.ranges, "a.actor = @actor")
	}
	if f.Action != "" {
		l.ranges = append(l.ranges, "a.action = @action")
	}
	switch {
	case f.Subject != "":
		l.own = l.ranges
		l.ranges = nil
		for _, column := range []string{"key_id", "task_id", "plan_id", "order_id"} {
			l.ranges = append(l.ranges, strings.ReplaceAll("a.% = @subject AND a.% <> ''", "%", column))
		}
	case len(l.ranges) == 0:
		l.ranges = []string{"true"}
	default:
		l.ranges, l.own = l.ranges[:1], l.ranges[1:]
	}
	return l
}

// DeleteActivity implements [activity.Store].
func (s *Store) DeleteActivity(ctx context.Context, before time.Time, n int) (int, error) {
	deleted, err := s.execInTx(ctx, query.Args{"before": before, "n": n}, `DELETE FROM keyseat_activity WHERE id IN (
		SELECT a.id FROM keyseat_activity a WHERE a.at < @before ORDER BY a.at, a.id LIMIT @n)`)
	return int(deleted), s.wrap("delete old entries of the activity", err)
}
