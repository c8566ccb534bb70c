package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// createMigrated creates a database with keyseat's tables. It returns its URL and a function that drops it.
func (b *bench) createMigrated(ctx context.Context) (url string, drop func(), err error) {
	url, drop, err = b.createDatabase(ctx)
	if err != nil {
		return "", nil, err
	}
	if err := b.runKeyseatd(ctx, nil, "migrate", "--database", url); err != nil {
		drop()
		return "", nil, err
	}
	return url, drop, nil
}

// createDatabase creates a database without tables.
func (b *bench) createDatabase(ctx context.Context) (url string, drop func(), err error) {
	b.names++
	name := fmt.Sprint("bench", b.names)
	if err := execute(ctx, b.admin, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return "", nil, err
	}
	return strings.Replace(b.admin, "/postgres?", "/"+name+"?", 1), func() {
		err := execute(context.WithoutCancel(ctx), b.admin, "DROP DATABASE "+name+" WITH (FORCE)")
		if err != nil {
			b.logf("%v", err)
		}
	}, nil
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

// queryInt returns the one number that a query yields.
func queryInt(ctx context.Context, url, sql string) (n int, err error) {
	err = withConn(ctx, url, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, sql).Scan(&n) })
	return n, err
}

// expectCount returns an error unless the query yields the number want.
func expectCount(ctx context.Context, url, sql string, want int) error {
	n, err := queryInt(ctx, url, sql)
	if err == nil && n != want {
		err = fmt.Errorf("%w: %d, want %d, from %s", errUnexpected, n, want, sql)
	}
	return err
}

// truncateSQL empties the tables.
const truncateSQL = `TRUNCATE keyseat_keys, keyseat_tasks, keyseat_history, keyseat_batches, keyseat_plans, keyseat_countries RESTART IDENTITY`

// maintenanceSQL does pending maintenance now, so that no vacuum or checkpoint falls into the measurement of one program.
var maintenanceSQL = []string{"VACUUM (ANALYZE) keyseat_keys, keyseat_tasks, keyseat_history, keyseat_plans", "CHECKPOINT"}

// fillUsedKeys replaces the content of all tables with n keys in use. Each key's username contains its code.
func fillUsedKeys(ctx context.Context, url string, n int) error {
	return execute(ctx, url, append([]string{truncateSQL, insertKeysSQL(n, "success", true)}, maintenanceSQL...)...)
}

// slotsPerPlan is the number of slots of a plan. It is small, as in a family plan.
const slotsPerPlan = 5

// fillUnusedKeys replaces the content of all tables with n unused keys, and at least one free slot for each.
func fillUnusedKeys(ctx context.Context, url string, n int) error {
	plans := fmt.Sprintf(`
		INSERT INTO keyseat_plans (id, country, address, invite, size, held, spent, suspect, retired, fault)
		SELECT 'plan-' || i, 'US', i || ' Main Street', 'https://provider.example/invite/' || i, %d, 0, 0, 0, false, ''
		FROM generate_series(1, %d) i`, slotsPerPlan, n/slotsPerPlan+1)
	fill := []string{truncateSQL, insertKeysSQL(n, "active", false), "INSERT INTO keyseat_countries VALUES ('US')", plans}
	return execute(ctx, url, append(fill, maintenanceSQL...)...)
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

// queryText returns the one text that a query yields, or the text of its error.
func queryText(ctx context.Context, url, sql string) (s string) {
	err := withConn(ctx, url, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, sql).Scan(&s) })
	if err != nil {
		return err.Error()
	}
	return s
}
