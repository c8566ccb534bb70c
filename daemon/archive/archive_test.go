package archive_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/archive"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	taskarchive "github.com/keyseat/keyseat/tasks/archive"
	"github.com/keyseat/keyseat/tasks/audit"
)

// month is longer than the minimum age of archived rows.
const month = 30 * 24 * time.Hour

// newRun returns a run over a store with three keys. Each was revoked a month ago, and has two history
// entries.
func newRun(t *testing.T) *archive.Run {
	t.Helper()
	now := time.Now().Add(-month)
	store := memory.New(func() time.Time { return now })
	engine := daemon.NewEngine(store, nil, nil, tasks.Rules{})
	batch := adminstore.ImportBatch{ID: "batch", Type: tasks.EventImported}
	codes := []keys.Code{"ann", "bob", "cat"}
	err := store.ImportKeys(t.Context(), batch, func(yield func(keys.Key, error) bool) {
		for _, code := range codes {
			if !yield(keys.Key{Code: code, Status: keys.Active}, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range codes {
		read := func(ctx context.Context) (tasks.Snapshot, error) { return engine.Snapshot(ctx, code) }
		if err := engine.Update(t.Context(), read, tasks.Revoke); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(month)
	n := 0
	return &archive.Run{
		Store: store, Before: now.Add(-taskarchive.MinAge), Folder: filepath.Join(t.TempDir(), "archive"),
		NewID:   func() string { n++; return "archive-" + strconv.Itoa(n) },
		Healthy: func(r audit.Record) bool { return r.Code != "bob" },
	}
}

// lines returns the number of lines in the CSV files of a kind.
func lines(t *testing.T, folder, kind string) (n int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, kind+"-*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(string(text), "\n")
	}
	return n
}

func TestRunMovesHistoryIntoFilesAndSkipsUnhealthyKeys(t *testing.T) {
	run := newRun(t)
	read := 0
	run.Progress = func(n int) { read += n }
	result, err := run.Do(t.Context())
	if want := (archive.Result{Keys: 2, Events: 4, Skipped: 1}); err != nil || result != want || read != 3 {
		t.Errorf("%+v of %d keys, %v", result, read, err)
	}
	if tasks, history := lines(t, run.Folder, "tasks"), lines(t, run.Folder, "history"); tasks != 1 || history != 1+4 {
		t.Errorf("%d and %d lines", tasks, history)
	}
	if result, err := run.Do(t.Context()); err != nil || result.Keys != 0 || result.Skipped != 1 {
		t.Errorf("the second run: %+v, %v", result, err)
	}
}

func TestRunRemovesNothingThatItCannotWrite(t *testing.T) {
	run := newRun(t)
	folder := run.Folder
	run.Folder = filepath.Join(folder, "no", "such")
	if result, err := run.Do(t.Context()); !errors.Is(err, fs.ErrNotExist) || result.Keys != 0 {
		t.Errorf("%+v, %v", result, err)
	}
	run.Folder = folder
	if result, err := run.Do(t.Context()); err != nil || result.Keys != 2 {
		t.Errorf("afterwards: %+v, %v", result, err)
	}
}
