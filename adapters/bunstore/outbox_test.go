package bunstore_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/storetest"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

func TestOutbox(t *testing.T) {
	for name, url := range reused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.RunOutbox(t, func(t testing.TB) storetest.OutboxStore { return open(t, url(t), bunstore.Options{}) })
		})
	}
}

// TestEntryThatBecomesVisibleLateIsRouted writes a history entry in a transaction that commits after later
// entries were routed. (SQLite has only one such transaction at a time.)
func TestEntryThatBecomesVisibleLateIsRouted(t *testing.T) {
	onPostgres(t, func(t *testing.T, url string) {
		s := open(t, url, bunstore.Options{})
		fill(t, s, 2)
		if err := s.Subscribe(t.Context(), []string{"L"}, time.Hour); err != nil {
			t.Fatal(err)
		}
		changes := upgrades(t, s, 2)
		tx, err := bun.NewDB(raw(t, url), pgdialect.New()).BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		changes[1].Claim = nil // a claim would wait for the locked country
		apply(t, s.In(tx), changes[0])
		apply(t, s, changes[1])
		route := func() int {
			n, err := s.Route(t.Context(), []tasks.EventType{tasks.EventAccepted}, 100)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := route(); n != 1 {
			t.Errorf("%d entries routed, want the one that is committed", n)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if n := route(); n != 1 {
			t.Errorf("%d entries routed, want the one that was committed late", n)
		}
		all, err := s.LeaseDeliveries(t.Context(), "L", "lease", 9, time.Minute)
		if err != nil || len(all) != 2 || all[0].LastSeq < all[1].LastSeq {
			t.Errorf("leased %v, %v", all, err)
		}
	})
}

// TestNoFreshEntriesWithoutSubscribers checks that history entries are fresh only if a subscriber exists.
func TestNoFreshEntriesWithoutSubscribers(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s, db := open(t, url, bunstore.Options{}), raw(t, url)
		fill(t, s, 2)
		changes := upgrades(t, s, 2)
		count := func() (fresh int) {
			truth := "fresh"
			if strings.HasPrefix(url, "sqlite:") {
				truth = "fresh = 1"
			}
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM keyseat_history WHERE "+truth).Scan(&fresh); err != nil {
				t.Fatal(err)
			}
			return fresh
		}
		apply(t, s, changes[0])
		if n := count(); n != 0 {
			t.Errorf("%d fresh entries without a subscriber", n)
		}
		if err := s.Subscribe(t.Context(), []string{"L"}, time.Hour); err != nil {
			t.Fatal(err)
		}
		apply(t, s, changes[1])
		if n := count(); n != 1 {
			t.Errorf("%d fresh entries, want 1", n)
		}
		if _, err := s.Route(t.Context(), nil, 9); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != 0 {
			t.Errorf("%d fresh entries after they were routed", n)
		}
	})
}

// TestEntryIsNotRoutedTwice has a second router, whose transaction marks an entry as routed.
// That transaction commits only when the first router waits for its lock.
func TestEntryIsNotRoutedTwice(t *testing.T) {
	onPostgres(t, func(t *testing.T, url string) {
		notOnCitus(t, url)
		s, db := open(t, url, bunstore.Options{}), raw(t, url)
		fill(t, s, 1)
		if err := s.Subscribe(t.Context(), []string{"L"}, time.Hour); err != nil {
			t.Fatal(err)
		}
		apply(t, s, upgrades(t, s, 1)...)
		other, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.ExecContext(t.Context(), "UPDATE keyseat_history SET fresh = false WHERE fresh"); err != nil {
			t.Fatal(err)
		}
		routed := make(chan int)
		go func() {
			n, err := s.Route(t.Context(), []tasks.EventType{tasks.EventAccepted}, 100)
			if err != nil {
				t.Error(err)
			}
			routed <- n
		}()
		for waits := false; !waits; {
			waits = waitsForLock(t, db)
		}
		if err := other.Commit(); err != nil {
			t.Fatal(err)
		}
		n := <-routed
		all, err := s.LeaseDeliveries(t.Context(), "L", "lease", 9, time.Minute)
		if n != 0 || err != nil || len(all) != 0 {
			t.Errorf("%d entries were routed once more: %v, %v", n, all, err)
		}
	})
}

// waitsForLock reports whether a session of the database waits for a lock.
func waitsForLock(t *testing.T, db *sql.DB) (waits bool) {
	t.Helper()
	const locked = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	if err := db.QueryRowContext(t.Context(), locked).Scan(&waits); err != nil {
		t.Fatal(err)
	}
	return waits
}

// TestEntriesOfAKeyAreCommittedInOrder checks that two history entries of a key are committed in order. One transaction
// writes an entry and the task of a key, but not the key, and does not commit yet. A second change of the key
// must wait. Otherwise its entry could be delivered first, and the earlier entry never.
func TestEntriesOfAKeyAreCommittedInOrder(t *testing.T) {
	onPostgres(t, func(t *testing.T, url string) {
		notOnCitus(t, url)
		s, db := open(t, url, bunstore.Options{}), raw(t, url)
		fill(t, s, 1)
		apply(t, s, upgrades(t, s, 1)...)
		views, err := s.Lease(t.Context(), "w", 1, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		later := tasks.DefaultRules().Settle(views[0], tasks.Attempt{Sent: views[0].At}, id(), false)
		revoke, err := tasks.Revoke(views[0], id())
		if err != nil || later.Key != nil || revoke.Task != nil {
			t.Fatal(later, revoke, err)
		}
		tx, err := bun.NewDB(db, pgdialect.New()).BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, on(t, bun.NewDB(db, pgdialect.New()), url).In(tx), later)
		done := make(chan error, 1)
		go func() {
			errs, err := s.Apply(t.Context(), []tasks.Change{revoke})
			done <- errors.Join(append(errs, err)...)
		}()
		for !waitsForLock(t, db) {
			select {
			case err := <-done:
				t.Fatalf("the other change did not wait: %v", err)
			default:
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestSetsOfLowCountriesTakeTurns has another process that replaces the low countries of a subscriber and does not
// commit yet. A second call must wait, and then remove the countries of the first.
func TestSetsOfLowCountriesTakeTurns(t *testing.T) {
	onPostgres(t, func(t *testing.T, url string) {
		s, db := open(t, url, bunstore.Options{}), raw(t, url)
		if err := s.Subscribe(t.Context(), []string{"L"}, time.Hour); err != nil {
			t.Fatal(err)
		}
		other, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{
			`SELECT name FROM keyseat_listeners WHERE name = 'L' FOR UPDATE`,
			`INSERT INTO keyseat_mail (listener, code, country, told, part, newest, tries, since, due, lease)
				VALUES ('L', '', 'DE', 0, 0, 1, 0, now(), now(), '')`,
		} {
			if _, err := other.ExecContext(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error, 1)
		go func() { done <- s.SetLowStock(t.Context(), "L", []stock.Country{"US"}, 2) }()
		for !waitsForLock(t, db) {
			if len(done) > 0 {
				t.Fatalf("it has not waited: %v", <-done)
			}
		}
		if err := other.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		var low string
		if err := db.QueryRowContext(t.Context(), `SELECT string_agg(country, ' ') FROM keyseat_mail WHERE code = ''`).Scan(&low); err != nil || low != "US" {
			t.Errorf("low are %q, %v", low, err)
		}
	})
}
