package main

import (
	"context"
	"crypto/md5"
	"fmt"
	"time"
)

// growthCode is as long as a code of ours, and as scattered. So is it in SQL.
func growthCode(i int) string { return fmt.Sprintf("%X", md5.Sum(fmt.Append(nil, i)))[:29] }

// growthRows are the columns of n rows, from the first on: their numbers, codes, and the ids of their
// tasks.
const growthRows = `(SELECT i, left(upper(md5(i::text)), 29) AS code, left(upper(md5('t' || i)), 26) AS task FROM generate_series(%d, %d) i) r`

// The rows of keys that nobody has used, and of those in use that were upgraded long ago.
var (
	growthKeys = []string{`
		INSERT INTO keyseat_keys (code, version, status, used, revoked, message, username, verify_address, invite, address,
			order_id, purchase_date, used_date, task_id, batch_id)
		SELECT code, 1, 'active', false, false, '', '', '', '', '', 'order-' || i / 3, now(), NULL, '', 'batch-' || i / 1000 FROM `, `
		INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
		SELECT code, 'batch-' || i / 1000, 0, now() - interval '90 days', 'issued', '', '', '', '', '', '', '' FROM `}
	growthUsed = []string{`
		INSERT INTO keyseat_keys (code, version, status, used, revoked, message, username, verify_address, invite, address,
			order_id, purchase_date, used_date, task_id, batch_id)
		SELECT code, 3, 'success', true, false, '', 'u-' || code, '1 Main Street, Springfield', '', '', 'order-' || i / 3, now(), now(),
			task, 'batch-' || i / 1000 FROM `, growthKeys[1], `
		INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
		SELECT code, task, 0, now() - interval '60 days', 'accepted', task, 'upgrade', '', 'old-' || i / 5, 'free', 'held', '' FROM `, `
		INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
		SELECT code, reverse(task), 0, now() - interval '60 days', 'ended', task, 'upgrade', 'success', 'old-' || i / 5, 'held', 'spent', '' FROM `, `
		INSERT INTO keyseat_tasks (code, id, kind, country, version, fence, plan_id, plan_address, plan_invite, ordinal, slot, faulty,
			asked, tries, lost, doubt, first_asked, created_at, due, ended_at, outcome)
		SELECT code, task, 'upgrade', 'US', 2, 1, 'old-' || i / 5, i / 5 || ' Main Street', 'https://provider.example/invite/' || i / 5, 1, 'spent', '',
			1, 0, 0, false, at, at, at, at, 'success' FROM (SELECT now() - interval '60 days' AS at) was, `}
)

// fillStep is how many keys come with one statement.
const fillStep = 1_000_000

// fill makes the keys, each with its line of history; a tenth of them is in use, by a task that has
// spent a slot. The indexes of the two big tables are built in the end.
func (g *growth) fill(ctx context.Context) error {
	start := time.Now()
	all := []string{
		"CREATE EXTENSION pg_stat_statements", wipe,
		"ALTER TABLE keyseat_keys DROP CONSTRAINT keyseat_keys_pkey", "DROP INDEX keyseat_keys_batch", "ALTER TABLE keyseat_history DROP CONSTRAINT keyseat_history_pkey",
		"INSERT INTO keyseat_countries VALUES ('US')", growthPlans("old", slotsOf, g.used), growthPlans("new", 0, g.fresh),
	}
	all = append(all, inSteps(growthUsed, 0, g.used)...)
	all = append(all, inSteps(growthKeys, g.used, g.keys)...)
	err := execute(ctx, g.url, append(all,
		"ALTER TABLE keyseat_keys ADD PRIMARY KEY (code)", "CREATE INDEX keyseat_keys_batch ON keyseat_keys (batch_id, code)",
		"ALTER TABLE keyseat_history ADD PRIMARY KEY (code, change_id, n)", "CHECKPOINT")...)
	g.add("filled in", 0, "%s", duration(float64(time.Since(start))))
	return err
}

// growthPlans are plans with so many of their slots spent, enough for n.
func growthPlans(name string, spent, n int) string {
	return fmt.Sprintf(`
		INSERT INTO keyseat_plans (id, country, address, invite, size, held, spent, suspect, retired, fault)
		SELECT '%s-' || i, 'US', i || ' Main Street', 'https://provider.example/invite/' || i, %d, 0, %d, 0, false, ''
		FROM generate_series(0, %d) i`, name, slotsOf, spent, n/slotsOf)
}

// inSteps makes those statements for some rows at a time.
func inSteps(statements []string, first, after int) (all []string) {
	for ; first < after; first += fillStep {
		for _, sql := range statements {
			all = append(all, sql+fmt.Sprintf(growthRows, first, min(first+fillStep, after)-1))
		}
	}
	return all
}

// weigh says how much of the disk is taken, and how long the first vacuum of it all takes.
func (g *growth) weigh(ctx context.Context) error {
	start := time.Now()
	if err := execute(ctx, g.url, tidy...); err != nil {
		return err
	}
	g.add("first VACUUM (ANALYZE) of all", 0, "%s", duration(float64(time.Since(start))))
	for _, t := range []struct {
		name string
		rows int
	}{{"keys", g.keys}, {"history", g.keys + 2*g.used}, {"tasks", g.used}} {
		heap, err := number(ctx, g.url, "SELECT pg_table_size('keyseat_"+t.name+"')")
		if err != nil {
			return err
		}
		whole, err := g.size(ctx, t.name)
		if err != nil {
			return err
		}
		million := func(bytes int) float64 { return float64(bytes) / float64(t.rows) }
		g.add("MB per million rows of "+t.name+", with indexes", million(whole), "%.0f (rows %.0f)", million(whole), million(heap))
	}
	return nil
}

// size is what a table takes with its indexes, in bytes.
func (g *growth) size(ctx context.Context, table string) (int, error) {
	return number(ctx, g.url, "SELECT pg_total_relation_size('keyseat_"+table+"')")
}

// sizes is what the three tables that grow take.
func (g *growth) sizes(ctx context.Context) (sum int, err error) {
	for _, table := range []string{"keys", "tasks", "history"} {
		n, err := g.size(ctx, table)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}
