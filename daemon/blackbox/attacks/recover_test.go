package attacks_test

import (
	"bytes"
	"encoding/hex"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A recovery is an attacker who has everything but the past: the files of the database, its log, a backup and a dump from
// the time when the tasks were open, and the file of master keys as it is now.
type recovery struct {
	*harness.Shop
	folders map[string]string // what the attacker reads, by name
}

// TestEndedAccountsCannotBeRecovered tries to decrypt the accounts of ended tasks. It finds them in each place before
// their master key is destroyed, and in no place afterwards.
func TestEndedAccountsCannotBeRecovered(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		r := recovery{harness.NewSQLiteShop(t), map[string]string{}}
		r.run(nil, func() {
			r.copyFolder("copy of the files", r.Folder)
			r.MustExec("backup", filepath.Join(r.folder("backup"), "monday.db"))
		})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		cluster := pgtest.Start(t, pgtest.Options{})
		r := recovery{harness.NewPostgresShop(t, cluster.URL(t)), map[string]string{}}
		r.run(cluster, func() {
			r.runProgram("pg_basebackup", "--dbname="+r.Database, "--pgdata="+r.folder("base backup"), "--wal-method=stream", "--checkpoint=fast", "--no-sync")
			r.runProgram("pg_dump", "--file="+filepath.Join(r.folder("dump"), "dump.sql"), r.Database)
		})
	})
}

// run leaves tasks open, makes backups, ends the tasks, and rotates the master keys. cluster is nil for SQLite.
func (r recovery) run(cluster *pgtest.Cluster, backUp func()) {
	codes := []string{"K1", "K2", "K3"}
	r.AddKeys(codes...)
	r.ImportPlans("p,US,5,,")
	d := r.Serve("--connector-timeout", "1h", "--lease", "1s")
	for _, code := range codes {
		d.MustAccept(harness.Upgrade(code, "silent+success@example.com", "US"))
	}
	r.Eventually("the provider is called", func() bool { return len(r.Provider.Requests()) == len(codes) })
	d.Kill()
	backUp()
	r.folders["key file"] = filepath.Dir(r.MasterKeyPath())
	if cluster != nil {
		r.findCluster()
	}
	d = r.Serve("--lease", "1s")
	for _, code := range codes {
		d.WaitEnd(code)
	}
	before := r.recover(cluster)
	for name := range r.folders {
		if name != "key file" && before[name] == 0 {
			r.Errorf("the control recovers nothing from the %s", name)
		}
	}
	d.Stop()
	r.destroyKey()
	if after := r.recover(cluster); len(after) > 0 {
		r.Errorf("recovered with the key file of today: %v", after)
	}
	r.Logf("before: %v", before)
	harness.Report(r, len(r.folders), 1)
}

// destroyKey lets two rotation periods pass, after which the master key of the tasks is destroyed.
func (r recovery) destroyKey() {
	file := r.MasterKeyPath()
	r.AgeMasterKeys(file, 25*time.Hour)
	r.MustExec("master-key", "rotate", file)
	r.AgeMasterKeys(file, 23*time.Hour)
	d := r.Serve() // encrypts with the new key
	r.MustExec("master-key", "rotate", file)
	d.Stop()
	if text, err := os.ReadFile(file); err != nil || strings.Count(string(text), "\n") != 1 {
		r.Errorf("%d keys are left, %v", strings.Count(string(text), "\n"), err)
	}
}

// folder makes a new folder that the attacker will read, and returns its path.
func (r recovery) folder(name string) string {
	r.folders[name] = r.TempDir()
	return r.folders[name]
}

func (r recovery) copyFolder(name, from string) {
	r.Helper()
	if err := os.CopyFS(filepath.Join(r.folder(name), "files"), os.DirFS(from)); err != nil {
		r.Fatal(err)
	}
	for _, key := range []string{filepath.Base(r.MasterKeyPath())} { // the file of master keys is not a part of the backup
		if err := os.Remove(filepath.Join(r.folders[name], "files", key)); err != nil {
			r.Fatal(err)
		}
	}
}

func (r recovery) runProgram(name string, args ...string) {
	r.Helper()
	if out, err := exec.CommandContext(r.Context(), name, args...).CombinedOutput(); err != nil {
		r.Fatalf("%s: %v: %s", name, err, out)
	}
}

// findCluster adds the folders of a server of PostgreSQL.
func (r recovery) findCluster() {
	r.Helper()
	conn, err := pgx.Connect(r.Context(), r.Database)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = conn.Close(r.Context()) }() // it was only read
	var data string
	if err := conn.QueryRow(r.Context(), "SHOW data_directory").Scan(&data); err != nil {
		r.Fatal(err)
	}
	r.folders["tables"], r.folders["log"] = filepath.Join(data, "base"), filepath.Join(data, "pg_wal")
}

// recover returns in how many envelopes of each place the attacker finds the account of a task.
func (r recovery) recover(cluster *pgtest.Cluster) map[string]int {
	r.Helper()
	if cluster != nil {
		cluster.Run(r, "CHECKPOINT")
	}
	ring, err := keyring.Open(r.MasterKeyPath())
	if err != nil {
		r.Fatal(err)
	}
	var bound [][]byte
	for _, one := range r.Tasks() {
		bound = append(bound, []byte(one.ID+"\x00"+one.Kind+"\x00"+one.Code))
	}
	found := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(r.folders)) {
		err := filepath.WalkDir(r.folders[name], func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				content, _ := os.ReadFile(path) // a file that is gone holds nothing
				if n := openAll(r.Shop, ring, content, bound); n > 0 {
					found[name] += n
				}
			}
			return nil
		})
		if err != nil {
			r.Fatal(err)
		}
	}
	return found
}

// openAll returns how many envelopes of the ring's keys, raw or in hexadecimal, open with one of the bound texts.
func openAll(s *harness.Shop, ring *keyring.Ring, content []byte, bound [][]byte) (n int) {
	s.Helper()
	all, err := ring.Keys()
	if err != nil {
		s.Fatal(err)
	}
	for _, k := range all {
		id, _ := hex.DecodeString(k.ID)
		for _, version := range []byte{1, 2} {
			header := append([]byte{version}, id...)
			for at := range occurrences(content, header) {
				n += opens(ring, content[at:], bound)
			}
			for at := range occurrences(content, []byte(hex.EncodeToString(header))) {
				raw := make([]byte, 1024)
				size, _ := hex.Decode(raw, content[at:min(len(content), at+2*len(raw))]) // up to the first other character
				n += opens(ring, raw[:size], bound)
			}
		}
	}
	return n
}

// occurrences yields the positions of a text.
func occurrences(content, text []byte) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for from := 0; ; {
			at := bytes.Index(content[from:], text)
			if at < 0 || !yield(from+at) {
				return
			}
			from += at + 1
		}
	}
}

// opens returns 1 if an envelope of some length at the start of content opens, and 0 otherwise.
func opens(ring *keyring.Ring, content []byte, bound [][]byte) int {
	const shortest, longest = 33, 1024
	for size := shortest; size <= min(longest, len(content)); size++ {
		for _, b := range bound {
			if _, err := ring.Open(content[:size], b); err == nil {
				return 1
			}
		}
	}
	return 0
}
