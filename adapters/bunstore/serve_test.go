package bunstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

func TestAnSQLiteFileIsServedByOne(t *testing.T) {
	url := databases["sqlite"](t)
	s, other := open(t, url, bunstore.Options{}), open(t, url, bunstore.Options{})
	fill(t, s, 1)
	apply(t, s, upgrades(t, s, 1)...)
	if got, err := s.Lease(t.Context(), "worker", 1, time.Hour); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	release, err := s.AcquireServeLock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.AcquireServeLock(t.Context()); !errors.Is(err, bunstore.ErrAlreadyServed) {
		t.Fatalf("served twice: %v", err)
	}
	views, err := s.Lease(t.Context(), "worker", 1, time.Hour)
	if err != nil || len(views) != 1 || views[0].Task.LostLeases != 1 {
		t.Fatalf("the lease of the predecessor lasts: %v, %v", views, err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = other.AcquireServeLock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

func TestAPostgresIsServedByMany(t *testing.T) {
	s := open(t, databases["postgres"](t), bunstore.Options{})
	for range 2 {
		if _, err := s.AcquireServeLock(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestErasedSecretsLeaveTheFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.db")
	s := open(t, "sqlite:"+path, bunstore.Options{})
	fill(t, s, 1)
	changes := upgrades(t, s, 1)
	canary := []byte("canary " + strings.Repeat("yellow", 20))
	changes[0].Task.Sealed = canary
	apply(t, s, changes...)
	if !found(t, path, canary) {
		t.Fatal("the canary is nowhere: the test sees nothing")
	}
	views, err := s.Lease(t.Context(), "worker", 1, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, success(views[0]))
	if found(t, path, canary) {
		t.Error("the secret of an ended task is still in a file")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode: %v, %v", info.Mode(), err)
	}
}

// found reports whether any file of a database contains the bytes.
func found(t *testing.T, path string, what []byte) bool {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, what) {
			return true
		}
	}
	return false
}

// TestALongReaderStopsNoWrites checks that changes do not wait for a long read of the file, such as a backup.
// The changes end tasks, so the store tries to wipe their secrets from the log.
func TestALongReaderStopsNoWrites(t *testing.T) {
	path := "sqlite:" + filepath.Join(t.TempDir(), "keyseat.db")
	s := open(t, path, bunstore.Options{Busy: time.Minute})
	fill(t, s, 3)
	reader, err := raw(t, path).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	if _, err := reader.ExecContext(t.Context(), "BEGIN DEFERRED"); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reader.QueryRowContext(t.Context(), "SELECT count(*) FROM keyseat_keys").Scan(&n); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for _, c := range upgrades(t, s, 3) {
		c.Claim, c.Task.Slot, c.Task.Sealed, c.Task.EndedAt, c.Task.Outcome = nil, "", nil, c.Task.CreatedAt, tasks.OutOfStock
		c.Key.Status, c.Key.Message = keys.FailedUpgrade, "none"
		apply(t, s, c)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("three writes took %v", took)
	}
}

// TestPingNoticesThatNoWriteSucceeds makes the writer unable to write for a while.
func TestPingNoticesThatNoWriteSucceeds(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "keyseat.db"), bunstore.Options{})
	set := func(pragma string) {
		t.Helper()
		if _, err := s.Pools()["write"].ExecContext(t.Context(), "PRAGMA "+pragma); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, s, 1)
	changes := upgrades(t, s, 1)

	set("query_only = 1")
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("before a write has failed: %v", err)
	}
	if _, err := s.Apply(t.Context(), changes); err == nil {
		t.Fatal("it was written")
	}
	for range 2 {
		if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "READONLY") {
			t.Errorf("no write succeeds, and it says %v", err)
		}
	}
	set("query_only = 0")
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("writes succeed again, and it says %v", err)
	}

	set("max_page_count = 1") // SQLite then takes the present number of pages
	country, size := stock.Country("US"), 1
	var edits []stock.PlanEdit
	for i := range 5000 {
		edits = append(edits, stock.PlanEdit{ID: fmt.Sprint("plan", i), Country: &country, Size: &size})
	}
	if err := s.EditPlans(t.Context(), edits); err == nil {
		t.Fatal("it was written")
	}
	apply(t, s, changes...)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("only what is large does not fit, and it says %v", err)
	}
}

// TestFingerprintKey checks that all stores on a database have the same key, also after simultaneous first calls.
func TestFingerprintKey(t *testing.T) { onBoth(t, fingerprintKey) }

func fingerprintKey(t *testing.T, url string) {
	got := make(chan keys.FingerprintKey, 8)
	for i := range cap(got) {
		s := open(t, url, bunstore.Options{})
		go func() {
			key, err := s.FingerprintKey(t.Context(), keys.FingerprintKey{byte(1 + i)})
			if err != nil {
				t.Error(err)
			}
			got <- key
		}()
	}
	first := <-got
	for range cap(got) - 1 {
		if key := <-got; key != first || key == (keys.FingerprintKey{}) {
			t.Errorf("the keys %x and %x", first, key)
		}
	}
	if other, err := open(t, databases["sqlite"](t), bunstore.Options{}).FingerprintKey(t.Context(), keys.FingerprintKey{99}); err != nil || other == first {
		t.Errorf("another database has the same key: %v", err)
	}
}
