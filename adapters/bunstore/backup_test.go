package bunstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// TestBackup checks a backup that is taken while other connections write. It must show one moment of the
// database, and have no pages of erased secrets. Only its owner can read it, and it never replaces a file.
func TestBackup(t *testing.T) {
	folder := t.TempDir()
	path, file := filepath.Join(folder, "keyseat.db"), filepath.Join(folder, "copy.db")
	s := open(t, "sqlite:"+path, bunstore.Options{})
	fill(t, s, 50)
	var got bunstore.Contents
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		got, err = s.Backup(t.Context(), file, func(int64, int64) {})
	}()
	for _, c := range upgrades(t, s, 50) {
		apply(t, s, c)
	}
	<-done
	if err != nil || got.Keys != 50 || got.Size == 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode of the backup: %v, %v", info, err)
	}
	if _, err := s.Backup(t.Context(), file, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file was replaced: %v", err)
	}
	names, err := filepath.Glob(filepath.Join(folder, "copy.db*"))
	if err != nil || len(names) != 1 {
		t.Errorf("left over: %v, %v", names, err)
	}
}

// TestABackupHoldsNoErasedSecret checks that a backup does not contain the secret of an ended task.
func TestABackupHoldsNoErasedSecret(t *testing.T) {
	folder := t.TempDir()
	s := open(t, "sqlite:"+filepath.Join(folder, "keyseat.db"), bunstore.Options{})
	db := raw(t, "sqlite:"+filepath.Join(folder, "keyseat.db")) // a program that does not wipe deleted content
	canary := strings.Repeat("canary", 2000)
	for _, sql := range []string{
		"PRAGMA secure_delete = 0", "CREATE TABLE rest (text TEXT)", "INSERT INTO rest VALUES ('" + canary + "')", "DROP TABLE rest",
	} {
		if _, err := db.ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if !found(t, filepath.Join(folder, "keyseat.db"), []byte(canary[:600])) {
		t.Fatal("the canary is nowhere: the test sees nothing")
	}
	file := filepath.Join(folder, "copy.db")
	if _, err := s.Backup(t.Context(), file, nil); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || bytes.Contains(text, []byte(canary[:600])) {
		t.Errorf("the backup holds what was erased: %v", err)
	}
}

// TestRestore checks that a restore verifies the backup first, and fails while a daemon serves the database.
// It must leave no log next to the new database, and keep the old database with its log.
func TestRestore(t *testing.T) {
	folder := t.TempDir()
	path, file := filepath.Join(folder, "keyseat.db"), filepath.Join(folder, "copy.db")
	s := open(t, "sqlite:"+path, bunstore.Options{})
	fill(t, s, 3)
	if _, err := s.Backup(t.Context(), file, nil); err != nil {
		t.Fatal(err)
	}
	release, err := s.AcquireServeLock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := bunstore.Restore(t.Context(), file, path); !errors.Is(err, bunstore.ErrAlreadyServed) || !strings.Contains(err.Error(), path) {
		t.Errorf("restored under a daemon: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	apply(t, s, upgrades(t, s, 1)...)
	crashed := filepath.Join(folder, "crashed.db") // the state that a killed daemon leaves
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, path+suffix, crashed+suffix)
	}
	kept, got, err := bunstore.Restore(t.Context(), file, crashed)
	if err != nil || got.Keys != 3 || got.Open != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := os.Stat(crashed + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the log of the old database is left: %v", err)
	}
	for of, want := range map[string]int{crashed: 0, kept: 1} {
		var n int
		if err := raw(t, "sqlite:"+of).QueryRowContext(t.Context(), `SELECT count(*) FROM keyseat_tasks`).Scan(&n); err != nil || n != want {
			t.Errorf("%s has %d tasks, not %d: %v", of, n, want, err)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRestoreRefuses checks that a restore from files that are not backups fails. The database stays as it was.
func TestRestoreRefuses(t *testing.T) {
	folder := t.TempDir()
	path, file := filepath.Join(folder, "keyseat.db"), filepath.Join(folder, "backup.db")
	s := open(t, "sqlite:"+path, bunstore.Options{})
	fill(t, s, 200)
	if _, err := s.Backup(t.Context(), file, nil); err != nil {
		t.Fatal(err)
	}
	backup, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(folder, "newer.db")
	copyFile(t, file, newer)
	if _, err := raw(t, "sqlite:"+newer).ExecContext(t.Context(), `UPDATE keyseat_migrations SET name = '29991231000000' WHERE id = 1`); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(folder, "other.db")
	if _, err := raw(t, "sqlite:"+other).ExecContext(t.Context(), `CREATE TABLE songs (title TEXT)`); err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(backup)
	copy(damaged[3*4096:], make([]byte, 4096))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file string
		text []byte
		says string
	}{
		"missing":   {file: filepath.Join(folder, "none.db"), says: "no such file"},
		"empty":     {text: []byte{}, says: "no database of keyseat"},
		"text":      {text: []byte(strings.Repeat("not a database\n", 300)), says: "not a database"},
		"truncated": {text: backup[:len(backup)/2], says: "damaged"},
		"damaged":   {text: damaged, says: "damaged"},
		"newer":     {file: newer, says: "made by a newer keyseat"},
		"other":     {file: other, says: "no database of keyseat"},
	} {
		if c.file == "" {
			c.file = filepath.Join(folder, name+".bin")
			if err := os.WriteFile(c.file, c.text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := bunstore.Restore(t.Context(), c.file, path); err == nil || !strings.Contains(fmt.Sprint(err), c.says) || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the database has changed: %v", err)
	}
}
