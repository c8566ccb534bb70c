package main

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestDistribute uses a substitute for Citus. The tests of the store check the statements that Citus
// receives.
func TestDistribute(t *testing.T) {
	const stand = `
		CREATE TABLE pg_dist_partition (logicalrelid regclass, partmethod "char");
		CREATE FUNCTION truncate_local_data_after_distributing_table(name regclass) RETURNS void LANGUAGE sql AS '';
		CREATE TABLE pg_dist_node (isactive boolean, noderole text, shouldhaveshards boolean);
		CREATE TABLE pg_dist_placement (shardid int, groupid int);
		CREATE VIEW pg_dist_shard AS SELECT logicalrelid, shardid FROM pg_dist_partition, pg_dist_placement;
		CREATE FUNCTION create_distributed_table(name regclass, by text, colocate_with text, shard_count int DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
			INSERT INTO pg_dist_partition VALUES (name, 'h');
			INSERT INTO pg_dist_placement SELECT n, 0 FROM generate_series(1, shard_count) n
		$$`
	url := pgtest.URL(t)
	sh := shell{t, t.TempDir(), []string{"KEYSEAT_DATABASE=" + url}}
	sh.failsAfter("the schema is up to date", exitFailed, "the database has no Citus: install", "", "migrate", "--distribute")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }() // the connection is no longer needed
	if _, err := conn.Exec(t.Context(), stand); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"distributed by the key's code: keyseat_keys, keyseat_tasks, keyseat_history: 3 shards on 1 servers\n",
		"the tables were distributed already: 3 shards on 1 servers\n",
	} {
		got, warned, code := sh.run("", "migrate", "--distribute", "--shards", "3")
		if code != 0 || !strings.HasSuffix(got, want) || !strings.Contains(warned, "warning: every shard is on the coordinator") {
			t.Errorf("code %d, printed %q, %q", code, got, warned)
		}
	}
	if _, err := conn.Exec(t.Context(), "UPDATE pg_dist_placement SET groupid = shardid"); err != nil {
		t.Fatal(err)
	}
	if got, warned, code := sh.run("", "migrate", "--distribute"); code != 0 || !strings.Contains(got, "3 shards on 3 servers") || warned != "" {
		t.Errorf("with workers: code %d, printed %q, %q", code, got, warned)
	}
	sh.ok("keys", "generate", "--count", "2") // the command detects the distributed tables
}

func TestSQLiteIsNotDistributed(t *testing.T) {
	sh := shell{t, t.TempDir(), []string{"KEYSEAT_DATABASE=sqlite:" + t.TempDir() + "/keyseat.db"}}
	sh.failsAfter("the schema is up to date", exitFailed, "only PostgreSQL's tables can be distributed", "", "migrate", "--distribute")
	sh.fails(exitFailed, "only PostgreSQL's tables can be distributed", "", "stock", "--database-distributed")
}

// TestTheDatabaseOfAnotherProgram checks that no command creates tables in it, except an explicit migrate.
func TestTheDatabaseOfAnotherProgram(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		url := strings.TrimPrefix(sh.env[0], "KEYSEAT_DATABASE=")
		driver, source := "pgx", url
		if path, embedded := strings.CutPrefix(url, "sqlite:"); embedded {
			driver, source = "sqlite", path
		}
		db, err := sql.Open(driver, source)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }() // the connection is no longer needed
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE customers (id integer)"); err != nil {
			t.Fatal(err)
		}
		sh.ok("master-key", "add", sh.masterFile())
		const want = "holds tables of another program (customers) and none of keyseat's"
		for _, line := range []string{
			"migrate", "stock", "keys generate --count 1", "keys export", "doctor", "plans list", "serve --log-level error --connector sim --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --master-key-file " + sh.masterFile(),
		} {
			sh.fails(exitFailed, want, "", strings.Fields(line)...)
		}
		sh.ok("migrate", "--shared")
		sh.ok("keys", "generate", "--count", "1")
	})
}
