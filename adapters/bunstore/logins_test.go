package bunstore_test

import (
	"testing"

	"github.com/keyseat/keyseat/adapters/batchstore"
	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/storetest"
	"github.com/keyseat/keyseat/tasks"
)

func TestLogins(t *testing.T) {
	for name, url := range reused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.RunLogins(t, func(t testing.TB) tasks.LoginCounter { return open(t, url(t), bunstore.Options{}) })
		})
		t.Run(name+", batched", func(t *testing.T) {
			t.Parallel()
			storetest.RunLogins(t, func(t testing.TB) tasks.LoginCounter {
				return batchstore.NewLoginCounter(open(t, url(t), bunstore.Options{}), batchstore.Options{})
			})
		})
	}
}

// TestLoginsBehindPooler counts logins behind a pooler in transaction mode.
func TestLoginsBehindPooler(t *testing.T) {
	t.Parallel()
	database := bounced(t, "transaction")
	for _, form := range []string{"", "distributed:"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			storetest.RunLogins(t, func(t testing.TB) tasks.LoginCounter { return open(t, form+database(t), bunstore.Options{}) })
		})
	}
}

// TestLoginCountsExpire ends windows by changing the table, and then deletes the expired counts.
func TestLoginCountsExpire(t *testing.T) { onPostgres(t, loginCountsExpire) }

func loginCountsExpire(t *testing.T, url string) {
	s, db := open(t, url, bunstore.Options{}), raw(t, url)
	count := func(want tasks.LoginCounts) {
		t.Helper()
		got, err := s.CountLogins(t.Context(), []tasks.LoginTest{{Login: "x", Code: "A"}})
		if err != nil || got[0] != want {
			t.Errorf("%+v, not %+v, %v", got, want, err)
		}
	}
	count(tasks.LoginCounts{Tests: 1, Logins: 1})
	count(tasks.LoginCounts{Tests: 2, Logins: 1})
	// Another statement has begun the window later, although it wrote first.
	must(t, db, "UPDATE keyseat_logins SET ends = now() + interval '6 hours 1 minute' WHERE code = ''")
	count(tasks.LoginCounts{Tests: 3, Logins: 1})
	must(t, db, "INSERT INTO keyseat_logins VALUES ('y', 'A', now() - interval '1 second', 0)")
	for _, ends := range []string{"now()", "now() + interval '3 days'"} { // over, or from a clock that was set back
		must(t, db, "UPDATE keyseat_logins SET ends = "+ends+" WHERE code = ''")
		count(tasks.LoginCounts{Tests: 1, Logins: 1})
	}
	must(t, db, "UPDATE keyseat_logins SET ends = now() WHERE login = 'x'")
	count(tasks.LoginCounts{Tests: 1, Logins: 1})
	if _, err := s.Heartbeat(t.Context(), "a", 1); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM keyseat_logins").Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d rows, not 2, %v", rows, err)
	}
}
