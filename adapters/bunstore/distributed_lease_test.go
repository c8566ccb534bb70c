package bunstore_test

import (
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks"
)

// awayServer replaces the table of tasks by a view. A statement that reads a task of the key K00001 fails as in Citus
// while the server with that key is away. The function of Citus reaches only the other shard.
const awayServer = `
	CREATE FUNCTION reach(code text) RETURNS boolean LANGUAGE plpgsql COST 1000000 AS $$ BEGIN
		IF code = 'K00001' THEN RAISE EXCEPTION USING ERRCODE = '08006'; END IF;
		RETURN true;
	END $$;
	ALTER TABLE keyseat_tasks RENAME TO all_tasks;
	CREATE VIEW keyseat_tasks AS SELECT * FROM all_tasks WHERE reach(code);
	CREATE FUNCTION run_command_on_shards(name regclass, command text, OUT success boolean, OUT result text) RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN
		success := true;
		EXECUTE format(command, '(SELECT * FROM all_tasks WHERE code <> ''K00001'') shard') INTO result;
		RETURN NEXT;
		success := false;
		result := 'connection failed';
		RETURN NEXT;
	END $$`

// TestOneServerIsAway checks that the tasks on other servers are leased, extended and settled.
func TestOneServerIsAway(t *testing.T) {
	t.Parallel()
	url := migrated["distributed"](t)
	notOnCitus(t, url)
	s, db := open(t, url, bunstore.Options{}), raw(t, url)
	fill(t, s, 4)
	changes := upgrades(t, s, 4)
	apply(t, s, changes[:2]...)
	held, err := s.Lease(t.Context(), "w", 9, time.Minute)
	if err != nil || len(held) != 2 {
		t.Fatal(held, err)
	}
	apply(t, s, changes[2:]...)
	if _, err := db.ExecContext(t.Context(), awayServer); err != nil {
		t.Fatal(err)
	}
	// The lease of K00001 ends, so that a statement about all tasks finds it.
	if _, err := db.ExecContext(t.Context(), `UPDATE all_tasks SET leased_until = due WHERE code = 'K00001'`); err != nil {
		t.Fatal(err)
	}
	leased, err := s.Lease(t.Context(), "w", 9, time.Minute)
	if err != nil || len(leased) != 2 || leased[0].Key.Code == "K00001" || leased[1].Key.Code == "K00001" {
		t.Errorf("leased %v, %v", leased, err)
	}
	if more, err := s.Lease(t.Context(), "w", 9, time.Minute); err != nil || len(more) != 0 {
		t.Errorf("leased again %v, %v", more, err)
	}
	refs := []tasks.Ref{held[0].Task.Ref(), held[1].Task.Ref(), {Code: "K00002", ID: "none"}}
	errs, err := s.Extend(t.Context(), refs, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for i, ref := range refs {
		away, fenced := ref.Code == "K00001", ref.ID == "none"
		if (errs[i] != nil) != (away || fenced) || errors.Is(errs[i], tasks.ErrFenced) != fenced {
			t.Errorf("extended %s: %v", ref.Code, errs[i])
		}
	}
	if _, err := db.ExecContext(t.Context(), `DROP FUNCTION run_command_on_shards`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lease(t.Context(), "w", 9, time.Minute); err == nil {
		t.Error("without the function of Citus the error is lost")
	}
}

// TestALeaseThatComesSecond has another process take the oldest task between two statements of a lease. The lease must
// then take the next task, and not end as if no task were due.
func TestALeaseThatComesSecond(t *testing.T) {
	t.Parallel()
	url := migrated["distributed"](t)
	other, taken := open(t, url, bunstore.Options{}), 0
	s := observed(t, url, func(sql string, _ []driver.NamedValue) {
		if taken > 0 || !strings.Contains(sql, "JOIN keyseat_keys") || !namesCodes.MatchString(sql) {
			return
		}
		views, err := other.Lease(t.Context(), "other", 1, time.Minute)
		if taken = len(views); err != nil {
			t.Error(err)
		}
	})
	fill(t, s, 2)
	for _, c := range upgrades(t, other, 2) {
		apply(t, other, c)
	}
	views, err := s.Lease(t.Context(), "w", 1, time.Minute)
	if err != nil || taken != 1 || len(views) != 1 || views[0].Key.Code != code("K", 1) {
		t.Errorf("leased %v after the other process took %d, %v", views, taken, err)
	}
}
