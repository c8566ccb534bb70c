package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A setup is a database with keyseat's tables, and the flags of its daemons.
type setup struct {
	*bench
	url   string
	keys  int      // the number of keys in the database
	flags []string // flags of keyseatd serve
}

// newSetup makes a setup with empty tables, and with flags of keyseatd serve.
func (b *bench) newSetup(ctx context.Context, flags ...string) *setup {
	url := b.createDatabase(ctx)
	b.runKeyseatd(ctx, nil, "migrate", "--database", url)
	return &setup{bench: b, url: url, flags: flags}
}

// startOurs starts keyseatd with the flags of the setup.
func (s *setup) startOurs(ctx context.Context) *server { return s.serve(ctx, s.flags...) }

// serve starts keyseatd on the database with the given flags, instead of the flags of the setup.
func (s *setup) serve(ctx context.Context, flags ...string) *server {
	return s.bench.serve(ctx, s.url, append(flags, "--master-key-file", s.master)...)
}

// peerStarter returns a function that starts a peer on the database.
func (s *setup) peerStarter(peer string) starter {
	return func(ctx context.Context) *server { return s.peer(ctx, peer, s.url) }
}

// createDatabase creates a database without tables, and returns its URL. [bench.dropDatabases] drops it.
func (b *bench) createDatabase(ctx context.Context) string {
	b.names++
	name := fmt.Sprint("bench", b.names)
	b.databases = append(b.databases, name)
	check(execute(ctx, b.admin, "CREATE DATABASE "+name+" TEMPLATE template0"))
	return strings.Replace(b.admin, "/postgres?", "/"+name+"?", 1)
}

func (b *bench) dropDatabases(ctx context.Context) {
	for _, name := range b.databases {
		if err := execute(ctx, b.admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			b.logf("%v", err)
		}
	}
	b.databases = nil
}

// execute runs statements on a new connection, each in a transaction of its own.
func execute(ctx context.Context, url string, statements ...string) error {
	return withConn(ctx, url, func(conn *pgx.Conn) error {
		for _, sql := range statements {
			if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("%.60s: %w", sql, err)
			}
		}
		return nil
	})
}

// withConn calls do with a new connection.
func withConn(ctx context.Context, url string, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // the statements on the connection have ended
	return do(conn)
}

// query returns the value that a query yields.
func query[T any](ctx context.Context, url, sql string) (value T) {
	check(withConn(ctx, url, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, sql).Scan(&value) }))
	return value
}

// expectCounts checks that each of the queries on PostgreSQL yields the number want.
func expectCounts(ctx context.Context, url string, want int, queries ...string) {
	compareCounts(want, queries, func(sql string) int { return query[int](ctx, url, sql) })
}

// compareCounts checks that the function count, which runs a query, returns the number want for each query.
func compareCounts(want int, queries []string, count func(sql string) int) {
	for _, sql := range queries {
		if n := count(sql); n != want {
			check(fmt.Errorf("%w: %d, want %d, from %s", errUnexpected, n, want, sql))
		}
	}
}

// truncateSQL empties the tables of keyseat.
const truncateSQL = `TRUNCATE keyseat_keys, keyseat_tasks, keyseat_history, keyseat_batches, keyseat_plans, keyseat_countries RESTART IDENTITY`

// maintenanceSQL runs before measurements, so that no vacuum or checkpoint slows down one of the programs.
var maintenanceSQL = []string{"VACUUM (ANALYZE) keyseat_keys, keyseat_tasks, keyseat_history, keyseat_plans", "CHECKPOINT"}

// fillUsedKeys replaces the content of all tables by n keys in use. The username of each key contains the key's code.
func fillUsedKeys(ctx context.Context, url string, n int) {
	check(execute(ctx, url, append([]string{truncateSQL, insertKeysSQL(n, "success", true)}, maintenanceSQL...)...))
}

// slotsPerPlan is the number of slots of a plan. Real family plans have few slots too.
const slotsPerPlan = 5

// fillUnusedKeys replaces the content of all tables by n unused keys, and at least one free slot for each key.
func fillUnusedKeys(ctx context.Context, url string, n int) {
	plans := fmt.Sprintf(`
		INSERT INTO keyseat_plans (id, country, address, invite, size, held, spent, suspect, retired, fault)
		SELECT 'plan-' || i, 'US', i || ' Main Street', 'https://provider.example/invite/' || i, %d, 0, 0, 0, false, ''
		FROM generate_series(1, %d) i`, slotsPerPlan, n/slotsPerPlan+1)
	fill := []string{truncateSQL, insertKeysSQL(n, "active", false), "INSERT INTO keyseat_countries VALUES ('US')", plans}
	check(execute(ctx, url, append(fill, maintenanceSQL...)...))
}

func insertKeysSQL(n int, status string, used bool) string {
	return fmt.Sprintf(`
		INSERT INTO keyseat_keys (code, version, status, used, revoked, message, username, verify_address, invite, address,
			order_id, purchase_date, used_date, task_id, batch_id)
		SELECT 'K' || lpad(i::text, 9, '0'), 1, '%s', %t, false, '', CASE WHEN %[2]t THEN 'u-K' || lpad(i::text, 9, '0') ELSE '' END,
			CASE WHEN %[2]t THEN '1 Main Street, Springfield' ELSE '' END, '', '', 'order-' || i / 3,
			now(), CASE WHEN %[2]t THEN now() END, '', 'batch-' || i / 1000
		FROM generate_series(0, %[3]d) i`, status, used, n-1)
}

// fillStep is the maximum number of rows that one statement makes.
const fillStep = 1_000_000
