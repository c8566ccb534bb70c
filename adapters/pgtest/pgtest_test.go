package pgtest_test

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestDatabasesAreSeparate(t *testing.T) {
	one, two := pgtest.URL(t), pgtest.URL(t)
	if err := run(t, one, "CREATE TABLE t ()"); err != nil {
		t.Fatal(err)
	}
	if err := run(t, two, "CREATE TABLE t ()"); err != nil {
		t.Fatalf("the second database is not empty: %v", err)
	}
}

func TestKillAndRestart(t *testing.T) {
	c := pgtest.Start(t, pgtest.Options{Durable: true})
	url := c.URL(t)
	if err := run(t, url, "CREATE TABLE kept ()"); err != nil {
		t.Fatal(err)
	}
	c.Kill(t)
	if err := run(t, url, "SELECT 1"); err == nil {
		t.Fatal("a killed server answers")
	}
	c.Restart(t)
	if err := run(t, url, "SELECT FROM kept"); err != nil {
		t.Fatal(err)
	}
}

func TestLaunch(t *testing.T) {
	if _, err := exec.LookPath("initdb"); err != nil {
		pgtest.URL(t) // skips or fails the test if PostgreSQL is missing
	}
	admin, stop, err := pgtest.Launch(pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t, admin, "CREATE DATABASE other"); err != nil {
		t.Error(err)
	}
	stop()
	if err := run(t, admin, "SELECT 1"); err == nil {
		t.Error("a stopped cluster answers")
	}
}

// TestFailover promotes a standby, makes the old primary follow it, and then promotes the old primary.
func TestFailover(t *testing.T) {
	primary := pgtest.Start(t, pgtest.Options{})
	standby := primary.Standby(t)
	for _, table := range []string{"one", "two"} {
		primary.Synchronous(t)
		primary.Run(t, "CREATE TABLE "+table+" ()")
		primary.Kill(t)
		standby.Promote(t)
		standby.Run(t, "CREATE TABLE more_"+table+" ()")
		primary.Follow(t, standby)
		primary, standby = standby, primary
	}
	for _, table := range []string{"one", "two", "more_one", "more_two"} {
		primary.Run(t, "SELECT FROM "+table)
	}
}

// TestPooler checks that two clients of a pooler in transaction mode share one server connection. Two
// clients of a pooler in session mode do not share one.
func TestPooler(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	for mode, want := range map[string]bool{"transaction": true, "session": false} {
		through := pgtest.Pooler(t, url, "pool_mode = "+mode)
		one, two := backendPID(t, through), backendPID(t, through)
		if (one == two) != want {
			t.Errorf("%s: two clients have the server processes %d and %d", mode, one, two)
		}
	}
}

// backendPID returns the id of the server process of a new connection. The connection stays open until the test ends.
func backendPID(t *testing.T, url string) (pid int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()", pgx.QueryExecModeExec).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

func run(t *testing.T, url, sql string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// A test that needs a database calls URL. The package of such a test also has
// func TestMain(m *testing.M) { pgtest.Main(m) }.
func ExampleURL() {
	test := func(t *testing.T) {
		url := pgtest.URL(t) // an empty database, which is dropped when the test ends
		t.Log(url)
	}
	fmt.Printf("%T\n", test)
	// Output: func(*testing.T)
}
