package bunstore_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

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
