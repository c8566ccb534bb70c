package pgtest_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestEachDatabaseIsEmptyAndItsOwn(t *testing.T) {
	one, other := pgtest.URL(t), pgtest.URL(t)
	if err := run(t, one, "CREATE TABLE mine ()"); err != nil {
		t.Fatal(err)
	}
	if err := run(t, other, "CREATE TABLE mine ()"); err != nil {
		t.Fatalf("the second database is not empty: %v", err)
	}
}

func TestAKilledClusterRestartsWithItsData(t *testing.T) {
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
