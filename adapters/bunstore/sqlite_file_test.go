//go:build unix

package bunstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks"
)

// fails checks that the text of an error contains the words.
func fails(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("it does not say %q: %v", w, err)
		}
	}
}

// TestAFileWithTwoNamesIsRefused opens a file with a second hard link. It also tries a database that the caller
// has opened.
func TestAFileWithTwoNamesIsRefused(t *testing.T) {
	folder := t.TempDir()
	path, other := filepath.Join(folder, "keyseat.db"), filepath.Join(folder, "other.db")
	s := open(t, "sqlite:"+path, bunstore.Options{})
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, other} {
		_, err := bunstore.Open(t.Context(), "sqlite:"+name, bunstore.Options{})
		fails(t, err, name, "2 names", "find / -xdev -samefile")
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("a second name for a moment, as some backups make it: %v", err)
	}
	path, other = filepath.Join(folder, "embedded.db"), filepath.Join(folder, "embedded-too.db")
	embedded := on(t, bun.NewDB(raw(t, "sqlite:"+path), sqlitedialect.New()), path)
	if err := embedded.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.AcquireServeLock(t.Context())
	fails(t, err, path, "2 names")
}

// TestSymbolicLinksAreOneFile checks that the files next to a database have the same names for every path to
// the database.
func TestSymbolicLinksAreOneFile(t *testing.T) {
	folder := t.TempDir()
	path, link := filepath.Join(folder, "keyseat.db"), filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	s := open(t, "sqlite:"+link, bunstore.Options{})
	release, err := s.AcquireServeLock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = release() }()
	if names, err := filepath.Glob(link + "?*"); err != nil || len(names) > 0 {
		t.Errorf("next to the link stand %v, %v", names, err)
	}
}

// TestPingNoticesAnotherFile moves, replaces and removes the file under a store.
func TestPingNoticesAnotherFile(t *testing.T) {
	for name, meddle := range map[string]func(path string) error{
		"was moved or removed": os.Remove,
		"has replaced":         func(path string) error { return os.Rename(path+".other", path) },
	} {
		for _, own := range []bool{true, false} {
			t.Run(fmt.Sprint(name, own), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "keyseat.db")
				s := open(t, "sqlite:"+path, bunstore.Options{})
				if !own {
					s = on(t, bun.NewDB(raw(t, "sqlite:"+path), sqlitedialect.New()), "sqlite:"+path)
				}
				release, err := s.AcquireServeLock(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = release() }()
				fill(t, s, 1)
				copyFile(t, path, path+".other")
				if err := s.Ping(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := meddle(path); err != nil {
					t.Fatal(err)
				}
				fails(t, s.Ping(t.Context()), path, name)
			})
		}
	}
}

// TestALeftLogIsNotMixedIn replaces a database by an older copy while its log is left, as after a crash. Open
// must return an error and must change neither file.
func TestALeftLogIsNotMixedIn(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "keyseat.db")
	s := open(t, "sqlite:"+path, bunstore.Options{})
	fill(t, s, 400)
	changes := upgrades(t, s, 301)
	apply(t, s, changes[0]) // the first write of a store truncates the log
	if _, err := raw(t, "sqlite:"+path).ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err) // otherwise the log has every page, and the content of the copy does not matter
	}
	older := filepath.Join(folder, "older.db")
	if _, err := s.Backup(t.Context(), older, nil); err != nil {
		t.Fatal(err)
	}
	apply(t, s, changes[1:]...)
	crashed := filepath.Join(folder, "crashed.db")
	copyFile(t, path, crashed)
	copyFile(t, path+"-wal", crashed+"-wal")
	sound, err := bunstore.Open(t.Context(), "sqlite:"+crashed, bunstore.Options{})
	if err != nil {
		t.Fatalf("a database that was left by a crash: %v", err)
	}
	if err := sound.Close(); err != nil {
		t.Fatal(err)
	}

	copyFile(t, path+"-wal", crashed+"-wal")
	time.Sleep(20 * time.Millisecond) // the clock of the file system moves in steps
	copyFile(t, older, crashed)
	for range 2 {
		_, err = bunstore.Open(t.Context(), "sqlite:"+crashed, bunstore.Options{})
		fails(t, err, crashed, crashed+"-wal", "does not belong", "keyseatd restore")
	}
	if err := os.Remove(crashed + "-wal"); err != nil {
		t.Fatal(err)
	}
	if keys, err := open(t, "sqlite:"+crashed, bunstore.Options{}).Records(t.Context(), "", 1000); err != nil || len(keys) != 400 {
		t.Errorf("the copy was harmed: %d keys, %v", len(keys), err)
	}

	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	_, err = bunstore.Open(t.Context(), "sqlite:"+path, bunstore.Options{})
	fails(t, err, path+" is missing", path+"-wal", "keyseatd restore")
	if err := os.Rename(path+".moved", path); err != nil {
		t.Fatal(err)
	}
}

// TestFilesBesideBelongToTheOwner uses the database of another user as root.
func TestFilesBesideBelongToTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING WAS TESTED: only root can give files away")
	}
	const owner = 65534
	folder := t.TempDir()
	if err := os.Chown(folder, owner, owner); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "keyseat.db")
	s := open(t, "sqlite:"+path, bunstore.Options{})
	release, err := s.AcquireServeLock(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 1)
	for _, suffix := range []string{"", "-wal", "-shm", "-lock", "-migrate"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Sys().(*syscall.Stat_t); got.Uid != owner || got.Gid != owner || info.Mode().Perm() != 0o600 {
			t.Errorf("%s belongs to %d:%d, mode %v", path+suffix, got.Uid, got.Gid, info.Mode())
		}
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

// TestAFailedOpenClosesTheFile opens the database of another program, which a dedicated store refuses.
func TestAFailedOpenClosesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	if _, err := raw(t, "sqlite:"+path).ExecContext(t.Context(), "CREATE TABLE other (id int)"); err != nil {
		t.Fatal(err)
	}
	before := openFiles(t, path)
	_, err := bunstore.Open(t.Context(), "sqlite:"+path, bunstore.Options{Dedicated: true})
	fails(t, err, "holds tables of another program")
	if after := openFiles(t, path); after != before {
		t.Errorf("the file is open %d times, and was %d times before", after, before)
	}
}

// openFiles returns how often this process has a file open.
func openFiles(t *testing.T, path string) (n int) {
	t.Helper()
	const all = "/proc/self/fd"
	entries, err := os.ReadDir(all)
	if err != nil {
		t.Skip("only Linux lists the open files of a process")
	}
	for _, e := range entries {
		if file, _ := os.Readlink(filepath.Join(all, e.Name())); file == path {
			n++
		}
	}
	return n
}

// TestALockedFile checks the error of a database that another program has locked.
func TestALockedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyseat.db")
	s := open(t, "sqlite:"+path, bunstore.Options{Busy: time.Millisecond})
	tx, err := raw(t, "sqlite:"+path).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // it has written nothing
	_, err = s.Apply(t.Context(), make([]tasks.Change, 1))
	want := "another program has locked the database (SQLite " + path + ", apply, SQLITE_BUSY); wait until it has ended, then try again"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// TestErasedSecretsAreOverwritten checks that a store on a database of the caller's needs secure_delete.
func TestErasedSecretsAreOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "embedded.db")
	for pragma, fine := range map[string]bool{"": false, "&_pragma=secure_delete(0)": false, "&_pragma=secure_delete(fast)": false, "&_pragma=secure_delete(1)": true} {
		db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate"+pragma)
		if err != nil {
			t.Fatal(err)
		}
		_, err = bunstore.New(bun.NewDB(db, sqlitedialect.New()))
		if fine && err != nil {
			t.Errorf("with %q: %v", pragma, err)
		} else if !fine {
			fails(t, err, "_pragma=secure_delete(1)")
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSQLiteFileIsPrivate checks that a file is refused if every user can read or write it, also if the caller has
// opened it.
func TestSQLiteFileIsPrivate(t *testing.T) {
	folder, err := os.MkdirTemp("/tmp", "keyseat-open") //nolint:usetesting // a test's own folder is closed to others
	if err == nil {
		err = os.Chmod(folder, 0o755) //nolint:gosec // see above
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	path := filepath.Join(folder, "keyseat.db")
	s, err := bunstore.Open(t.Context(), "sqlite:"+path, bunstore.Options{})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for mode, fine := range map[os.FileMode]bool{0o600: true, 0o660: true, 0o644: false, 0o602: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		s, err := bunstore.Open(t.Context(), "sqlite:"+path, bunstore.Options{})
		if err == nil {
			err = s.Close()
		}
		_, embedded := bunstore.New(bun.NewDB(raw(t, "sqlite:"+path), sqlitedialect.New()))
		for _, err := range []error{err, embedded} {
			if fine && err != nil {
				t.Errorf("%o: %v", mode, err)
			} else if !fine {
				fails(t, err, path, "chmod o-rw")
			}
		}
	}
}
