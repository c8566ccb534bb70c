package main

import (
	"context"
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// A growth has the measurements of one store, which has a database of its own. With --growth, bench makes the same
// measurements of a store with few keys and of a store with many keys.
type growth struct {
	*setup
	used         int // the number of keys in use, which have the lowest numbers; they are archived at the end
	unused       int // the number of keys to upgrade, which have the highest numbers
	measurements []measurement
}

// A measurement is a cell of the table of --growth. If its value is 0, the table shows no ratio.
type measurement struct {
	what, text string
	value      float64
}

// add adds a measurement to the table. If the value is 0, the table shows no ratio.
func (g *growth) add(what string, value float64, format string, args ...any) {
	g.measurements = append(g.measurements, measurement{what, fmt.Sprintf(format, args...), value})
	g.logf("  %s: %s", what, g.measurements[len(g.measurements)-1].text)
}

// addCost resets PostgreSQL's statistics, and measures operations. It adds their rate, unless rateName is "", and the
// cost of one operation. The cost is processor time, time in statements, bytes of write-ahead log, and full-page images
// in that log.
func (g *growth) addCost(ctx context.Context, rateName, what string, measure func() sample) {
	check(execute(ctx, g.url, "SELECT pg_stat_statements_reset()"))
	since := query[string](ctx, g.url, "SELECT pg_current_wal_lsn()::text")
	got := measure()
	n := got.all
	if rateName != "" {
		g.add(rateName, got.rate, "%.0f", got.rate)
	}
	var ms float64
	var wal, pages int
	check(withConn(ctx, g.url, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT (pg_current_wal_lsn() - $1::pg_lsn)::bigint, sum(total_exec_time), sum(wal_fpi)::bigint
			FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`, since).Scan(&wal, &ms, &pages)
	}))
	server, database := onServer(got), onDatabase(got)
	if server+database > 0 {
		g.add("CPU of an "+what+", keyseatd + PostgreSQL", server+database, "%s + %s", duration(server), duration(database))
	}
	statements := ms * float64(time.Millisecond) / float64(n)
	g.add("time in statements of an "+what, statements, "%s", duration(statements))
	if wal > n {
		g.add("write-ahead log of an "+what, float64(wal)/float64(n), "%d bytes (%.2f whole pages)", wal/n, float64(pages)/float64(n))
	}
}

// openLoopRate is the number of requests per second in the open loop of --growth. It is far below saturation.
const openLoopRate = 1000

// infoRequests is a [generator] of info requests for random keys, except for those of [growth.upgradeRequests].
func (g *growth) infoRequests(r *request) bool {
	i := rand.IntN(g.keys - g.unused)
	code := growthCode(i)
	r.raw = fmt.Appendf(r.raw[:0], "GET /API/?info=%s HTTP/1.1\r\nHost: bench\r\n\r\n", code)
	if r.want = append(r.want[:0], `{"status":"active"`...); i < g.used {
		r.want = fmt.Appendf(r.want[:0], `"username":"u-%s"`, code)
	}
	return true
}

// upgradeRequests returns a generator of one upgrade request for each of the keys to upgrade, in descending order.
func (g *growth) upgradeRequests() generator {
	return upgradeRequests(g.unused, func(to []byte, i int) []byte { return append(to, growthCode(g.keys-1-i)...) })
}

// info measures the throughput of info in a closed loop, and its latency in an open loop.
func (g *growth) info(ctx context.Context) {
	g.addCost(ctx, "info, requests/s", "info", func() sample {
		return g.measureOnce(ctx, g.startOurs, load{highConcurrency, g.length, 0, g.infoRequests})
	})
	got := g.measureOnce(ctx, g.startOurs, load{32, g.length, openLoopRate, g.infoRequests})
	g.addLatencies(fmt.Sprintf("info at %d/s", openLoopRate), got)
}

// addLatencies adds the two quantiles of a sample's latencies to the table.
func (g *growth) addLatencies(what string, s sample) {
	g.add(what+", p50", float64(s.p50), "%s", duration(float64(s.p50)))
	g.add(what+", p99", float64(s.p99), "%s", duration(float64(s.p99)))
}

// stock measures the latency of stock on one connection.
func (g *growth) stock(ctx context.Context) {
	got := g.measureOnce(ctx, g.startOurs, load{1, g.length, 0, stockRequests(`"country_code":"US"`)})
	g.add(fmt.Sprintf("stock, p50, %d slots per plan", slotsPerPlan), float64(got.p50), "%s (%d plans)",
		duration(float64(got.p50)), g.used/slotsPerPlan+g.unused/slotsPerPlan+2)
}

// upgrade measures how fast keyseatd accepts upgrades, and then how fast it carries out the accepted tasks. It also
// measures how much the tables grow.
func (g *growth) upgrade(ctx context.Context) {
	before := g.sizes(ctx)
	accepted := g.accept(ctx)
	g.work(ctx, accepted)
	each := float64(g.sizes(ctx)-before) / float64(accepted)
	g.add("MB per million upgrades, before VACUUM", each, "%.0f", each)
}

// accept measures how fast keyseatd accepts upgrades, while the provider never answers. It returns their number.
func (g *growth) accept(ctx context.Context) (accepted int) {
	silent := (&provider{silent: true}).start(ctx)
	start := func(ctx context.Context) *server {
		return g.serve(ctx, append(acceptOnly(silent), "--lease", "100ms")...)
	}
	g.addCost(ctx, "upgrades accepted/s", "accepted upgrade", func() sample {
		got := g.measureOnce(ctx, start, load{highConcurrency, g.length, 0, g.upgradeRequests()})
		accepted = got.all
		return got
	})
	return accepted
}

// work measures how fast keyseatd carries out the accepted tasks, whose number is backlog. The connector is the
// simulator, which calls no provider.
func (g *growth) work(ctx context.Context, backlog int) {
	g.addCost(ctx, "tasks worked off/s", "ended task", func() sample {
		s := g.serve(ctx, "--connector", "sim", "--sim-delay", "0s", "--workers", strconv.Itoa(workers))
		defer s.kill()
		now := time.Now()
		return g.waitFinished(ctx, s.process, g.url, func() time.Time { return now }, backlog, openTasksLeft)
	})
}

// growthCode returns the code of the i-th key, as long and as random as a generated code. [growthRows] makes the same
// codes.
func growthCode(i int) string { return fmt.Sprintf("%X", md5.Sum(fmt.Append(nil, i)))[:29] }

// growthRows is SQL for a table r of keys, with numbers from the first to the second parameter. The columns are the
// number of the key, its code and the id of its task.
const growthRows = `(SELECT i, left(upper(md5(i::text)), 29) AS code, left(upper(md5('t' || i)), 26) AS task FROM generate_series(%d, %d) i) r`

// Beginnings of statements that make unused keys, and keys in use that were upgraded long ago. [inSteps] appends
// [growthRows] to each.
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

// fill makes the keys and their history entries. A tenth of the keys is in use, with a task that has spent a slot. The
// indexes are built at the end, because this is faster.
func (g *growth) fill(ctx context.Context) {
	start := time.Now()
	drop, restore := postgresFill(g.url).listIndexes(ctx)
	all := append(drop, "CREATE EXTENSION pg_stat_statements", truncateSQL,
		"ALTER TABLE keyseat_keys DROP CONSTRAINT keyseat_keys_pkey", "ALTER TABLE keyseat_history DROP CONSTRAINT keyseat_history_pkey",
		"INSERT INTO keyseat_countries VALUES ('US')", growthPlans("old", slotsPerPlan, g.used), growthPlans("new", 0, g.unused))
	all = append(all, inSteps(growthUsed, 0, g.used)...)
	all = append(all, inSteps(growthKeys, g.used, g.keys)...)
	all = append(all, "ALTER TABLE keyseat_keys ADD PRIMARY KEY (code)", "ALTER TABLE keyseat_history ADD PRIMARY KEY (code, change_id, n)")
	check(execute(ctx, g.url, append(append(all, restore...), "CHECKPOINT")...))
	g.add("time to fill", 0, "%s", duration(float64(time.Since(start))))
}

// growthPlans returns a statement that makes enough plans for n keys. Each plan has the given number of spent slots.
func growthPlans(name string, spent, n int) string {
	return fmt.Sprintf(`
		INSERT INTO keyseat_plans (id, country, address, invite, size, held, spent, suspect, retired, fault)
		SELECT '%s-' || i, 'US', i || ' Main Street', 'https://provider.example/invite/' || i, %d, 0, %d, 0, false, ''
		FROM generate_series(0, %d) i`, name, slotsPerPlan, spent, n/slotsPerPlan)
}

// inSteps completes statements with [growthRows], for the keys from first to end-1, in ranges of up to [fillStep] keys.
func inSteps(statements []string, first, end int) (all []string) {
	for ; first < end; first += fillStep {
		for _, sql := range statements {
			all = append(all, sql+fmt.Sprintf(growthRows, first, min(first+fillStep, end)-1))
		}
	}
	return all
}

// measureSize measures the disk space of the tables, and the duration of their first VACUUM.
func (g *growth) measureSize(ctx context.Context) {
	start := time.Now()
	check(execute(ctx, g.url, maintenanceSQL...))
	g.add("first VACUUM (ANALYZE) of all", 0, "%s", duration(float64(time.Since(start))))
	for _, t := range []struct {
		name string
		rows int
	}{{"keys", g.keys}, {"history", g.keys + 2*g.used}, {"tasks", g.used}} {
		heap := query[int](ctx, g.url, "SELECT pg_table_size('keyseat_"+t.name+"')")
		whole := g.size(ctx, t.name)
		million := func(bytes int) float64 { return float64(bytes) / float64(t.rows) }
		g.add("MB per million rows of "+t.name+", with indexes", million(whole), "%.0f (rows %.0f)", million(whole), million(heap))
	}
}

// size returns the size of a table with its indexes, in bytes.
func (g *growth) size(ctx context.Context, table string) int {
	return query[int](ctx, g.url, "SELECT pg_total_relation_size('keyseat_"+table+"')")
}

// sizes returns the sum of the sizes of the three growing tables, in bytes.
func (g *growth) sizes(ctx context.Context) int {
	return g.size(ctx, "keys") + g.size(ctx, "tasks") + g.size(ctx, "history")
}
