package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL
)

// listTarget is the longest allowed latency of a list, at the quantile p99.
const listTarget = 50 * time.Millisecond

// lists are paths of lists of the admin API, with filters. Each # stands for a random number.
var lists = []string{
	"keys?", "keys?order_id=order-#", "keys?order_id=order-#&used=true", "keys?sort=newest", "keys?sort=oldest",
	"keys?status=active&sort=newest", "keys?status=in_queue", "keys?status=success&sort=newest", "keys?status=failed", "keys?used=true", "keys?revoked=true",
	"keys?used=false&revoked=false&sort=newest", "keys?bought_after=2026-01-01", "keys?bought_before=2020-01-01",
	"keys?country=US", "keys?country=US&used=true", "keys?country=DE&sort=newest", "keys?country=DE&status=failed", "keys?plan=plan-#",
	"tasks?", "tasks?sort=newest", "tasks?sort=oldest", "tasks?state=open", "tasks?state=waiting", "tasks?state=running", "tasks?state=retrying",
	"tasks?state=ended", "tasks?state=failed&sort=newest", "tasks?state=suspect", "tasks?outcome=plan_full", "tasks?outcome=wrong_address,success&sort=newest",
	"tasks?country=US", "tasks?country=US&state=failed&sort=newest", "tasks?country=DE&state=retrying", "tasks?plan=plan-#", "tasks?since=2026-01-01", "tasks?until=2020-01-01",
	"activity?", "activity?sort=oldest", "activity?actor=operator-7", "activity?action=revoke_key", "activity?subject=plan-#", "activity?since=2026-01-01", "activity?until=2020-01-01",
	"plans?", "stock", "search?q=order-#", "search?q=plan-#",
}

// rowLists measures each list on one connection, on PostgreSQL and on SQLite. It reports the slowest list of each
// database.
func rowLists(ctx context.Context, b *bench) []result {
	postgres := b.createDatabase(ctx)
	tokens := b.path("tokens")
	token := b.runKeyseatd(ctx, nil, "admin-token", "add", tokens, "--name", "bench", "--role", "read")
	silent := (&provider{silent: true}).start(ctx)
	flags := append(acceptOnly(silent), "--lease", "1h", "--master-key-file", b.master, "--admin-token-file", tokens)
	var all []result
	for _, fill := range []listFill{postgresFill(postgres), sqliteFill(b.path("lists.db"))} {
		fill.keys = b.size(10_000_000)
		start := time.Now()
		b.runKeyseatd(ctx, nil, "migrate", "--database", fill.url)
		fill.run(ctx)
		b.logf("  %s filled in %s", fill.name, duration(float64(time.Since(start))))
		slowest := b.measureLists(ctx, fill, string(bytes.TrimSpace(token)), flags)
		all = append(all, slowest)
	}
	return all
}

// measureLists measures the lists one after another, and returns the slowest one. The time for a list is a part of the
// time for a row, but at least a second.
func (b *bench) measureLists(ctx context.Context, f listFill, token string, flags []string) (slowest result) {
	server := b.serve(ctx, f.url, flags...)
	defer server.kill()
	longest, length := time.Duration(0), max(time.Second, b.length*time.Duration(b.rounds)/time.Duration(len(lists)))
	what := fmt.Sprintf("the slowest of %d lists and filters of the admin API among %d keys and %d tasks on %s, p99", len(lists), f.keys, f.used(), f.name)
	for _, list := range lists {
		got, err := load{1, length, 0, listRequests(list, token, f.used())}.on(ctx, server.admin)
		if err != nil {
			check(fmt.Errorf("%s: %w: %s", list, err, server.logTail()))
		}
		text := series{got}.latencyText()
		b.logf("  %s: %s", list, text)
		if got.p99 >= longest {
			longest, slowest = got.p99, atMost(what, list+": "+text, got.p99, listTarget)
		}
	}
	return slowest
}

// listRequests returns a generator of requests for a list in a database with a number of used keys.
func listRequests(list, token string, used int) generator {
	return func(r *request) bool {
		path := strings.ReplaceAll(list, "#", fmt.Sprint(rand.IntN(used/slotsPerPlan)))
		r.raw = fmt.Appendf(r.raw[:0], "GET /admin/v1/%s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", path, token)
		r.want = append(r.want[:0], '{')
		return true
	}
}

// A listFill fills a database with the rows of a large shop. A fifth of the keys has a task, and a tenth of the keys
// has an entry in the activity log.
type listFill struct {
	name string // the name of the database system
	url  string // the URL of the database, for keyseatd
	keys int
	open func() (*sql.DB, error)

	first   []string          // statements with settings, before the rows are made
	rows    string            // SQL for a table of the numbers i from %d to %d
	words   *strings.Replacer // replaces the words with @ in [fillLists]
	indexes string            // a query for the indexes that belong to no constraint, and for the statements that make them
	last    []string          // statements for maintenance, after the rows are made
}

func (f listFill) used() int { return f.keys / 5 }

// fillLists are statements that make rows for the numbers i. These words differ between the databases:
//
//	@code         a text of 29 hexadecimal digits that looks random
//	@ago(x)       the time x seconds ago
//	@sealed       the account of an open task
var fillLists = []struct {
	part int // 25: one row for every 25 keys
	sql  string
}{
	{25, `INSERT INTO keyseat_plans (id, country, address, invite, size, held, spent, suspect, retired, fault)
		SELECT 'plan-' || i, @country, i || ' Main Street', 'https://provider.example/invite/' || i, 5, 0, 5, 0, i % 50 = 0, CASE i % 20 WHEN 0 THEN 'full' ELSE '' END FROM @rows`},
	{1, `INSERT INTO keyseat_keys (code, version, status, used, revoked, message, username, verify_address, invite, address,
			order_id, purchase_date, used_date, task_id, batch_id)
		SELECT @code, 1, CASE WHEN i >= @used THEN 'active' WHEN i % 128 = 0 THEN 'in_queue' WHEN i % 16 = 1 THEN 'failed' ELSE 'success' END,
			i < @used AND i % 128 <> 0, i % 1000 = 1, '', CASE WHEN i < @used THEN 'u-' || i ELSE '' END,
			CASE WHEN i < @used THEN '1 Main Street, Springfield' ELSE '' END, '', '', 'order-' || i / 3, @ago(i * 3),
			CASE WHEN i < @used AND i % 128 <> 0 THEN @ago(i) END, CASE WHEN i < @used THEN 't-' || @code ELSE '' END, 'batch-' || i / 1000 FROM @rows`},
	{5, `INSERT INTO keyseat_tasks (code, id, kind, country, version, fence, plan_id, plan_address, plan_invite, ordinal, slot, faulty,
			asked, tries, lost, doubt, first_asked, created_at, due, worker, leased_until, ended_at, outcome, sealed)
		SELECT @code, 't-' || @code, CASE @outcome WHEN 'still_premium' THEN 'renew' ELSE 'upgrade' END, @country,
			2, 1, 'plan-' || i / 5, i / 5 || ' Main Street', 'https://provider.example/invite/' || i / 5, 1,
			CASE @outcome WHEN '' THEN 'held' WHEN 'success' THEN 'spent' WHEN 'system_error' THEN 'suspect' ELSE '' END, '',
			1, CASE WHEN i % 256 = 0 THEN 3 ELSE 0 END, 0, false, @ago(i * 10), @ago(i * 10), @ago(-86400),
			CASE WHEN i % 16384 = 0 THEN 'bench' END, CASE WHEN i % 16384 = 0 THEN @ago(-1800) END,
			CASE WHEN i % 128 <> 0 THEN @ago(i * 10) END, @outcome, CASE WHEN i % 128 = 0 THEN @sealed END FROM @rows`},
	{10, `INSERT INTO keyseat_activity (id, at, actor, address, action, key_id, task_id, plan_id, order_id, count, error)
		SELECT @code, @ago(i * 30), 'operator-' || i % 20, '127.0.0.1', CASE i % 4 WHEN 0 THEN 'revoke_key' WHEN 1 THEN 'edit_plan' ELSE 'retry_task' END,
			'', '', CASE i % 4 WHEN 1 THEN 'plan-' || i / 5 ELSE '' END, 'order-' || i / 3, 1, '' FROM @rows`},
}

// outcomes are the outcomes of the ended tasks in the filled database.
var outcomes = []string{
	"success", "system_error", "invalid_credentials", "account_locked", "out_of_stock", "already_premium", "upgraded_recently",
	"plan_expired", "plan_full", "plan_invalid", "already_member", "wrong_address", "still_premium",
}

// choose returns an SQL expression that chooses one of the values by the number i.
func choose(values []string) string {
	text := fmt.Sprintf("CASE i %% %d", len(values))
	for i, value := range values {
		text += fmt.Sprintf(" WHEN %d THEN '%s'", i, value)
	}
	return text + " END"
}

func postgresFill(url string) listFill {
	return listFill{
		name: "PostgreSQL", url: url,
		open: func() (*sql.DB, error) { return sql.Open("pgx", url) },
		rows: "generate_series(%d, %d) i",
		words: strings.NewReplacer("@code", "left(upper(md5(CAST(i AS text))), 29)", "@ago(", "now() - interval '1 second' * (", "@sealed", `bytea '\x00'`,
			"@outcome", outcomeSQL, "@country", countrySQL),
		indexes: `SELECT indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'keyseat_%' AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)`,
		last:    append([]string{"VACUUM (ANALYZE) keyseat_activity"}, maintenanceSQL...),
	}
}

func sqliteFill(path string) listFill {
	return listFill{
		name: "SQLite", url: "sqlite:" + path,
		open:  func() (*sql.DB, error) { return openFile(path) },
		first: []string{"PRAGMA synchronous = OFF", "PRAGMA cache_size = -1000000"},
		rows:  "(WITH RECURSIVE r(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM r WHERE i < %d) SELECT i FROM r)",
		words: strings.NewReplacer("@code", "printf('%08X%08X%08X%05X', i * 2654435761 & 4294967295, i * 40503 & 4294967295, i * 2246822519 & 4294967295, i & 65535)",
			"@ago(", "1000000 * CAST(strftime('%s', 'now') AS INTEGER) - 1000000 * (", "@sealed", "x'00'", "@outcome", outcomeSQL, "@country", countrySQL),
		indexes: `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`,
		last:    []string{"ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"},
	}
}

// Expressions for the outcome and the country of a task. Each 128th task is open. Half of the tasks are in the US.
var (
	outcomeSQL = "(CASE WHEN i % 128 = 0 THEN '' ELSE " + choose(outcomes) + " END)"
	countrySQL = "(" + choose([]string{"US", "DE", "US", "FR"}) + ")"
)

// run fills the database. It drops the indexes and makes them again at the end, because this is faster.
func (f listFill) run(ctx context.Context) {
	db := must(f.open())
	defer func() { _ = db.Close() }() // has an effect only after an error of a statement
	drop, restore := f.listIndexes(ctx)
	all := append(append(f.first, drop...), "INSERT INTO keyseat_countries (code) VALUES ('US'), ('DE'), ('FR')")
	for _, fill := range fillLists {
		for first := 0; first < f.keys/fill.part; first += fillStep {
			rows := fmt.Sprintf(f.rows, first, min(first+fillStep, f.keys/fill.part)-1)
			all = append(all, strings.NewReplacer("@rows", rows, "@used", fmt.Sprint(f.used())).Replace(f.words.Replace(fill.sql)))
		}
	}
	for _, statement := range append(append(all, restore...), f.last...) {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			check(fmt.Errorf("%.60s: %w", statement, err))
		}
	}
	check(db.Close())
}

// listIndexes returns statements that drop the indexes, and statements that make these indexes again.
func (f listFill) listIndexes(ctx context.Context) (drop, restore []string) {
	db := must(f.open())
	defer func() { _ = db.Close() }() // the database was only read
	rows, err := db.QueryContext(ctx, f.indexes)
	check(err)
	defer func() { _ = rows.Close() }() // rows.Err reports the error
	for rows.Next() {
		var name, definition string
		check(rows.Scan(&name, &definition))
		drop, restore = append(drop, "DROP INDEX "+name), append(restore, definition)
	}
	check(rows.Err())
	return drop, restore
}
