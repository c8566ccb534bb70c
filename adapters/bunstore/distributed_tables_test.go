package bunstore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/pgtest"
)

// fakeCitus creates fakes of the functions of Citus that [bunstore.Store.Distribute] calls. They record the calls.
const fakeCitus = `
	CREATE TABLE pg_dist_partition (nth serial, logicalrelid regclass, partmethod "char", said text);
	CREATE FUNCTION truncate_local_data_after_distributing_table(name regclass) RETURNS void LANGUAGE sql
		AS $$ INSERT INTO pg_dist_partition (said) VALUES ('no local ' || name) $$;
	CREATE FUNCTION create_distributed_table(name regclass, by text, colocate_with text DEFAULT 'default') RETURNS void LANGUAGE sql
		AS $$ INSERT INTO pg_dist_partition (logicalrelid, partmethod, said) VALUES (name, 'h', name || ' by ' || by || ' beside ' || colocate_with) $$`

// TestDistribute checks the calls of Citus, and that each table is distributed only once. Afterwards a store
// that locks rows of these tables must refuse them.
func TestDistribute(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	s, db := open(t, url, bunstore.Options{}), raw(t, url)
	if _, err := s.Distribute(t.Context()); err == nil || !strings.Contains(err.Error(), "has no Citus") {
		t.Errorf("without Citus: %v", err)
	}
	if _, err := db.ExecContext(t.Context(), fakeCitus); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 1)
	const breaks = `ALTER TABLE pg_dist_partition ADD CONSTRAINT breaks CHECK (logicalrelid <> 'keyseat_tasks'::regclass)`
	if _, err := db.ExecContext(t.Context(), breaks); err != nil {
		t.Fatal(err)
	}
	want := []string{"keyseat_keys", "keyseat_tasks", "keyseat_history"}
	if done, err := s.Distribute(t.Context()); err == nil || !slices.Equal(done, want[:1]) {
		t.Fatalf("where the second breaks off: %v, %v", done, err)
	}
	if _, err := db.ExecContext(t.Context(), `ALTER TABLE pg_dist_partition DROP CONSTRAINT breaks`); err != nil {
		t.Fatal(err)
	}
	if done, err := s.Distribute(t.Context()); err != nil || !slices.Equal(done, want[1:]) {
		t.Fatalf("distributed %v, %v", done, err)
	}
	if err := s.Migrate(t.Context()); !errors.Is(err, bunstore.ErrDistributed) {
		t.Errorf("a store with locks: %v", err)
	}
	other := open(t, "distributed:"+url, bunstore.Options{})
	if done, err := other.Distribute(t.Context()); err != nil || len(done) > 0 {
		t.Errorf("once more: %v, %v", done, err)
	}
	var said string
	if err := db.QueryRowContext(t.Context(), `SELECT string_agg(said, '; ' ORDER BY nth) FROM pg_dist_partition`).Scan(&said); err != nil ||
		said != "keyseat_keys by code beside none; no local keyseat_keys; "+ // here the call for the next table fails
			"no local keyseat_keys; keyseat_tasks by code beside keyseat_keys; keyseat_history by code beside keyseat_keys; no local keyseat_history; "+
			"no local keyseat_keys; no local keyseat_history" {
		t.Errorf("said %q, %v", said, err)
	}
}

func TestOnlyPostgresIsDistributed(t *testing.T) {
	t.Parallel()
	url := databases["sqlite"](t)
	if _, err := open(t, url, bunstore.Options{}).Distribute(t.Context()); err == nil || !strings.Contains(err.Error(), "only PostgreSQL") {
		t.Errorf("distributed: %v", err)
	}
	if _, err := bunstore.Open(t.Context(), url, bunstore.Options{Distributed: true}); err == nil || !strings.Contains(err.Error(), "only PostgreSQL") {
		t.Errorf("opened: %v", err)
	}
}
