package bunstore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// TestIn joins two transactions of the caller: the first is rolled back, the second is committed.
func TestIn(t *testing.T) {
	onEmpty(t, func(t *testing.T, url string) {
		owner := bun.NewDB(raw(t, url), pgdialect.New())
		if strings.HasPrefix(url, "sqlite:") {
			owner = bun.NewDB(raw(t, url), sqlitedialect.New())
		}
		s := on(t, owner, url)
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		fill(t, s, 1)
		for kept, end := range []func(bun.Tx) error{bun.Tx.Rollback, bun.Tx.Commit} {
			tx, err := owner.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			joined := s.In(tx)
			apply(t, joined, upgrades(t, joined, 1)...)
			if views, err := joined.Lease(t.Context(), "w", 1, time.Minute); err != nil || len(views) != 1 {
				t.Errorf("leased in the transaction: %v, %v", views, err)
			}
			if err := end(tx); err != nil {
				t.Fatal(err)
			}
			views, err := s.Snapshots(t.Context(), []keys.Code{code("K", 0)})
			if err != nil || (views[0].Task != nil) != (kept == 1) {
				t.Fatalf("after %d: %v, %v", kept, views, err)
			}
		}
	})
}

func TestErrorsHoldNoStoredValue(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url, bunstore.Options{})
		fill(t, s, 2)
		changes := upgrades(t, s, 1)
		changes[0].Task.Sealed = nil // a CHECK refuses this
		_, err := s.Apply(t.Context(), changes)
		if err == nil || strings.Contains(err.Error(), "K00000") || strings.Contains(err.Error(), "INSERT") {
			t.Errorf("got %v", err)
		}
		if _, err := s.Snapshots(t.Context(), []keys.Code{"a\x00b"}); err == nil {
			t.Error("a NUL was taken")
		}
		if _, err := s.Snapshots(t.Context(), []keys.Code{"a\xff"}); err == nil {
			t.Error("a text that is not UTF-8 was taken")
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Apply(ended, upgrades(t, s, 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestNoPasswordInErrors(t *testing.T) {
	for _, url := range []string{
		"postgres://u:hunter2@127.0.0.1:1/db?connect_timeout=1", "postgres://u:hunter2%zz@h/db", "postgres://u:hunter2@h:port/db",
		"postgresql://h/db?password=hunter2&sslmode=what", "mysql://u:hunter2@h/db", "hunter2",
	} {
		s, err := bunstore.Open(t.Context(), url, bunstore.Options{})
		if err == nil {
			err = s.Ping(t.Context())
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}
}

// TestOneBadRowIsLeftOut makes one of two tasks unreadable. Lease must return the other.
func TestOneBadRowIsLeftOut(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s, db := open(t, url, bunstore.Options{}), raw(t, url)
		fill(t, s, 2)
		apply(t, s, upgrades(t, s, 2)...)
		if _, err := db.ExecContext(t.Context(), "UPDATE keyseat_tasks SET faulty = 'no list' WHERE code = 'K00000'"); err != nil {
			t.Fatal(err)
		}
		views, err := s.Lease(t.Context(), "w", 2, time.Minute)
		if err != nil || len(views) != 1 || views[0].Key.Code != "K00001" {
			t.Fatalf("leased %v, %v", views, err)
		}
	})
}

// TestALeaseOfAClockThatWentBack leases a task for two hours. A second lease of a duration of less than one
// hour gets the task again: the first lease ends more than twice that duration from now. Such a lease
// counts as one of a clock that was set back.
func TestALeaseOfAClockThatWentBack(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url, bunstore.Options{})
		fill(t, s, 1)
		apply(t, s, upgrades(t, s, 1)...)
		for _, leased := range []struct {
			ttl  time.Duration
			want int
		}{{2 * time.Hour, 1}, {2 * time.Hour, 0}, {time.Hour + time.Minute, 0}, {59 * time.Minute, 1}} {
			views, err := s.Lease(t.Context(), "w", 1, leased.ttl)
			if err != nil || len(views) != leased.want {
				t.Fatalf("for %v: %v, %v", leased.ttl, views, err)
			}
		}
	})
}

// TestAKeyEndsOneTaskAndBeginsAnotherInOneBatch applies two changes of a key in one batch. The second change is
// based on the result of the first.
func TestAKeyEndsOneTaskAndBeginsAnotherInOneBatch(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url, bunstore.Options{})
		fill(t, s, 1)
		apply(t, s, upgrades(t, s, 1)...)
		views, err := s.Lease(t.Context(), "w", 1, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		end := tasks.DefaultRules().Settle(views[0], tasks.Attempt{
			Sent: views[0].At, Result: tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.WrongAddress},
		}, id(), false)
		key, task := *end.Key, *end.Task
		key.Version++
		begin := upgrade(t, tasks.Snapshot{At: views[0].At, Key: key, Task: &task})
		apply(t, s, end, begin)
		got, err := s.Snapshots(t.Context(), []keys.Code{key.Code})
		if err != nil || got[0].Task.ID != begin.Task.ID || got[0].Key.Version != 4 {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
}

// TestOfManyWritersOneWins has 16 goroutines change one key from the same snapshot. One change must succeed.
func TestOfManyWritersOneWins(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url, bunstore.Options{})
		fill(t, s, 1)
		views, err := s.Snapshots(t.Context(), []keys.Code{code("K", 0)})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var won atomic.Int64
		for range 16 {
			wg.Go(func() {
				c, err := tasks.Revoke(views[0], id())
				if err != nil {
					t.Error(err)
				}
				errs, err := s.Apply(t.Context(), []tasks.Change{c})
				switch {
				case err != nil:
					t.Error(err)
				case errs[0] == nil:
					won.Add(1)
				case !errors.Is(errs[0], tasks.ErrConflict):
					t.Error(errs[0])
				}
			})
		}
		wg.Wait()
		events, err := s.History(t.Context(), code("K", 0))
		if err != nil || won.Load() != 1 || len(events) != 2 {
			t.Fatalf("%d won, the history is %v, %v", won.Load(), events, err)
		}
	})
}

// TestALogThatWasLeft checks that a new process wipes secrets from the log of a process that has died. The test
// copies the files of a store as kill -9 would leave them.
func TestALogThatWasLeft(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "a.db"), filepath.Join(t.TempDir(), "b.db")
	s := open(t, "sqlite:"+from, bunstore.Options{})
	fill(t, s, 2)
	changes := upgrades(t, s, 2)
	apply(t, s, changes...)
	views, err := s.Lease(t.Context(), "w", 2, time.Minute)
	if err != nil || len(views) != 2 {
		t.Fatal(views, err)
	}
	for _, v := range views { // the log is truncated after the first, but not after the second
		apply(t, s, success(v))
	}
	for _, end := range []string{"", "-wal"} {
		copyFile(t, from+end, to+end)
	}
	if !found(t, to, []byte("sealed id")) {
		t.Fatal("the log holds no secret that was erased")
	}
	next := open(t, "sqlite:"+to, bunstore.Options{})
	if _, err := next.Lease(t.Context(), "w", 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(to + "-wal"); err != nil {
		t.Fatal(err) // without a log the next check would prove nothing
	}
	if found(t, to, []byte("sealed id")) {
		t.Error("a secret is left")
	}
}
