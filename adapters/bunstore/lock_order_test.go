package bunstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// TestTasksAreLockedInTheOrderOfBytes uses a database whose language sorts "a" before "B". Apply and Extend must lock
// the task of "B" first, because they deadlock if they lock the same tasks in different orders.
func TestTasksAreLockedInTheOrderOfBytes(t *testing.T) {
	t.Parallel()
	url := sortedDatabase(t)
	s, db := open(t, url, bunstore.Options{}), raw(t, url)
	two := func(yield func(keys.Key, error) bool) {
		_ = yield(keys.Key{Code: "a", Status: keys.Active}, nil) && yield(keys.Key{Code: "B", Status: keys.Active}, nil)
	}
	if err := s.ImportKeys(t.Context(), imported(), two); err != nil {
		t.Fatal(err)
	}
	if err := s.EditPlans(t.Context(), []stock.PlanEdit{stock.NewPlanEdit("p", "US", 2)}); err != nil {
		t.Fatal(err)
	}
	views, err := s.Snapshots(t.Context(), []keys.Code{"a", "B"})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, upgrade(t, views[0]), upgrade(t, views[1]))
	leased, err := s.Lease(t.Context(), "w", 2, time.Minute)
	if err != nil || len(leased) != 2 {
		t.Fatal(leased, err)
	}
	var changes []tasks.Change
	var refs []tasks.Ref
	for _, v := range leased {
		changes, refs = append(changes, success(v)), append(refs, v.Task.Ref())
	}
	for _, c := range []struct {
		name string
		call func()
	}{
		{"extend", func() { _, _ = s.Extend(t.Context(), refs, time.Minute) }},
		{"apply", func() { _, _ = s.Apply(t.Context(), changes) }},
	} {
		blocker, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := blocker.ExecContext(t.Context(), "SELECT 1 FROM keyseat_tasks WHERE code = 'B' FOR UPDATE"); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.call() // it may reach its lock_timeout
		}()
		_, err = blocker.ExecContext(t.Context(), `DO $$ BEGIN
			WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))) LOOP
				PERFORM pg_sleep(0.001);
			END LOOP;
			PERFORM 1 FROM keyseat_tasks WHERE code = 'a' FOR UPDATE NOWAIT;
		END $$`)
		if err != nil {
			t.Errorf("%s waits for one task and has locked the other: %v", c.name, err)
		}
		if err := blocker.Rollback(); err != nil {
			t.Error(err)
		}
		<-done
	}
}

// sortedDatabase creates a database that sorts texts as English does. It skips the test if the server cannot do so.
func sortedDatabase(t *testing.T) string {
	t.Helper()
	url := pgtest.URL(t)
	var able bool
	const known = `SELECT current_setting('server_version_num')::int >= 150000 AND EXISTS (SELECT FROM pg_collation WHERE collname = 'en-x-icu')`
	if err := raw(t, url).QueryRowContext(t.Context(), known).Scan(&able); err != nil {
		t.Fatal(err)
	}
	if !able {
		t.Skip("SKIPPED, NOTHING WAS TESTED: before version 15, and without ICU, a database of PostgreSQL has only the languages of the machine")
	}
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	admin := raw(t, strings.Replace(url, "/"+name, "/postgres", 1))
	must(t, admin, `CREATE DATABASE `+name+`_english TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'`)
	t.Cleanup(func() {
		_, _ = admin.Exec(`DROP DATABASE ` + name + `_english WITH (FORCE)`) //nolint:noctx // the test has ended
	})
	return strings.Replace(url, name, name+"_english", 1)
}
