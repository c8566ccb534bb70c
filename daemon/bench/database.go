package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A setup is a database with keyseat's tables, and the flags of the daemons on it.
type setup struct {
	*bench
	url   string
	keys  int
	flags []string // flags of keyseatd
}

// newSetup makes a setup. Its daemons get the flags.
func (b *bench) newSetup(ctx context.Context, flags ...string) *setup {
	url := b.createDatabase(ctx)
	b.runKeyseatd(ctx, nil, "migrate", "--database", url)
	return &setup{bench: b, url: url, flags: flags}
}

// startOurs starts keyseatd with the flags of the setup.
func (s *setup) startOurs(ctx context.Context) *server { return s.serve(ctx, s.flags...) }

// serve starts keyseatd with the given flags, and not with those of the setup.
func (s *setup) serve(ctx context.Context, flags ...string) *server {
	return s.bench.serve(ctx, s.url, append(flags, "--master-key-file", s.master)...)
}

// peerStarter returns a function that starts a peer.
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

// execute runs each statement in its own transaction, on a new connection.
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
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // the connection is not needed any more
	return do(conn)
}

// query returns the one value that a query yields.
func query[T any](ctx context.Context, url, sql string) (value T) {
	check(withConn(ctx, url, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, sql).Scan(&value) }))
	return value
}

// expectCounts checks that each of the queries yields the number want.
func expectCounts(ctx context.Context, url string, want int, queries ...string) {
	compareCounts(want, queries, func(sql string) int { return query[int](ctx, url, sql) })
}

// compareCounts is [expectCounts] for any database. The function count runs a query.
func compareCounts(want int, queries []string, count func(sql string) int) {
	for _, sql := range queries {
		if n := count(sql); n != want {
			check(fmt.Errorf("%w: %d, want %d, from %s", errUnexpected, n, want, sql))
		}
	}
}

// truncateSQL empties the tables.
const truncateSQL = `TRUNCATE keyseat_keys, keyseat_tasks, keyseat_history, keyseat_batches, keyseat_plans, keyseat_countries RESTART IDENTITY`

// maintenanceSQL does pending maintenance now, so that no vacuum or checkpoint falls into the measurement of one program.
var maintenanceSQL = []string{"VACUUM (ANALYZE) keyseat_keys, keyseat_tasks, keyseat_history, keyseat_plans", "CHECKPOINT"}

// fillUsedKeys replaces the content of all tables with n keys in use. Each key's username contains its code.
func fillUsedKeys(ctx context.Context, url string, n int) {
	check(execute(ctx, url, append([]string{truncateSQL, insertKeysSQL(n, "success", true)}, maintenanceSQL...)...))
}

// slotsPerPlan is the number of slots of a plan. It is small, as in a family plan.
const slotsPerPlan = 5

// fillUnusedKeys replaces the content of all tables with n unused keys, and at least one free slot for each.
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
