package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
)

// firstTables are the tables of a program that one would write first, with the indexes that it needs. Such a program has
// no history, encrypts nothing, and knows only what an upgrade needs.
var firstTables = []string{
	`CREATE TABLE first_keys (code text PRIMARY KEY, status text NOT NULL)`,
	`CREATE TABLE first_plans (id text PRIMARY KEY, country text NOT NULL, size int NOT NULL, held int NOT NULL)`,
	`CREATE INDEX ON first_plans (country) WHERE held < size`,
	`CREATE TABLE first_tasks (id text PRIMARY KEY, code text NOT NULL, country text NOT NULL, plan_id text NOT NULL,
		login text NOT NULL, password text NOT NULL, created_at timestamptz NOT NULL, done boolean NOT NULL)`,
	`CREATE INDEX ON first_tasks (created_at) WHERE NOT done`,
}

// firstSQL accepts an upgrade in one statement. It takes a slot of any plan that has one and is not locked, updates the
// key, and adds the task.
const firstSQL = `
	WITH plan AS (
		SELECT id FROM first_plans WHERE country = $3 AND held < size LIMIT 1 FOR UPDATE SKIP LOCKED),
	k AS (
		UPDATE first_keys SET status = 'in_queue' FROM plan WHERE code = $1 AND status = 'active' RETURNING code),
	p AS (
		UPDATE first_plans SET held = held + 1 FROM plan, k WHERE first_plans.id = plan.id RETURNING first_plans.id)
	INSERT INTO first_tasks SELECT $2, code, $3, p.id, $4, $5, now(), false FROM k, p`

// peerFirst accepts each upgrade with one statement, which is a transaction.
func peerFirst(ctx context.Context, args []string) error {
	url := args[0] + "&enable_seqscan=off" // else the planner scans all full plans for the next free one
	return serveUpgrades(ctx, url, firstSQL, func(r *http.Request) []any {
		return []any{r.PostFormValue("upgrade"), rand.Text(), r.PostFormValue("country"), r.PostFormValue("login"), r.PostFormValue("pwd")}
	})
}

// insertTable is the table of [peerInsert].
const insertTable = `CREATE TABLE accepted (code text NOT NULL, login text NOT NULL)`

// peerInsert accepts each upgrade with the least that is durable: one row in a table without an index.
func peerInsert(ctx context.Context, args []string) error {
	return serveUpgrades(ctx, args[0], `INSERT INTO accepted VALUES ($1, $2)`, func(r *http.Request) []any {
		return []any{r.PostFormValue("upgrade"), r.PostFormValue("login")}
	})
}

// serveUpgrades accepts each upgrade with one statement. The function values returns its arguments for a request.
func serveUpgrades(ctx context.Context, url, sql string, values func(r *http.Request) []any) error {
	pool, err := openPool(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	return serveAPI(ctx, func(w http.ResponseWriter, r *http.Request) {
		done, err := pool.Exec(r.Context(), sql, values(r)...)
		respond(w, upgradeResponses[done.RowsAffected()], err)
	})
}

// fillInsert empties the table of [peerInsert].
func fillInsert(ctx context.Context, url string, _ int) error {
	return execute(ctx, url, "TRUNCATE accepted", "CHECKPOINT")
}

// fillFirst is [fillUnusedKeys] for the tables of [peerFirst].
func fillFirst(ctx context.Context, url string, n int) error {
	return execute(ctx, url, "TRUNCATE first_keys, first_plans, first_tasks",
		fmt.Sprintf(`INSERT INTO first_keys SELECT 'K' || lpad(i::text, 9, '0'), 'active' FROM generate_series(0, %d) i`, n-1),
		fmt.Sprintf(`INSERT INTO first_plans SELECT 'plan-' || i, 'US', %d, 0 FROM generate_series(1, %d) i`, slotsPerPlan, n/slotsPerPlan+1),
		"VACUUM (ANALYZE) first_keys, first_plans, first_tasks", "CHECKPOINT")
}

// firstCounts are [acceptedCounts] for the tables of [peerFirst].
var firstCounts = []string{
	`SELECT count(*) FROM first_tasks t JOIN first_keys k ON k.code = t.code AND k.status = 'in_queue'`,
	`SELECT sum(held) FROM first_plans`,
}
