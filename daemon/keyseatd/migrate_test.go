package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestDistribute has a stand-in for Citus: what it is asked is held where the store is.
func TestDistribute(t *testing.T) {
	const stand = `
		CREATE TABLE pg_dist_partition (logicalrelid regclass, partmethod "char");
		CREATE FUNCTION create_distributed_table(name regclass, by text, colocate_with text) RETURNS void LANGUAGE sql
			AS $$ INSERT INTO pg_dist_partition VALUES (name, 'h') $$`
	url := pgtest.URL(t)
	sh := shell{t, t.TempDir(), []string{"KEYSEAT_DATABASE=" + url}}
	sh.failsAfter("the schema is up to date", exitFailed, "the database has no Citus: install", "", "migrate", "--distribute")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }() // it has done its work
	if _, err := conn.Exec(t.Context(), stand); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"distributed by the key's code: keyseat_keys, keyseat_tasks, keyseat_history", "the tables were distributed already",
	} {
		if got := sh.ok("migrate", "--distribute"); !strings.Contains(got, want) {
			t.Errorf("told %q", got)
		}
	}
	sh.ok("keys", "generate", "--count", "2") // which finds out how
}

func TestSQLiteIsNotDistributed(t *testing.T) {
	sh := shell{t, t.TempDir(), []string{"KEYSEAT_DATABASE=sqlite:" + t.TempDir() + "/keyseat.db"}}
	sh.failsAfter("the schema is up to date", exitFailed, "only PostgreSQL's tables can be distributed", "", "migrate", "--distribute")
	sh.fails(exitFailed, "only PostgreSQL's tables can be distributed", "", "stock", "--database-distributed")
}
