package operator_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
	"github.com/keyseat/keyseat/tasks/archive"
)

// ageByMonth makes all records of keys with a prefix a month older.
func ageByMonth(d *harness.Database, prefix string) {
	d.Helper()
	const ago = " - interval '720 hours'"
	d.Edit(`UPDATE keyseat_history SET at = at` + ago + ` WHERE code LIKE '` + prefix + `%';
UPDATE keyseat_tasks SET created_at = created_at` + ago + `, due = due` + ago + `, ended_at = ended_at` + ago + `
		WHERE ended_at IS NOT NULL AND code LIKE '` + prefix + `%'`)
}

// weekAgo returns the latest date that archive accepts.
func weekAgo() string {
	return time.Now().UTC().Add(-archive.MinAge - time.Minute).Format(time.RFC3339)
}

// archiveWeekOld archives what has been finished for a week.
func archiveWeekOld(s *harness.Shop, folder string) string {
	s.Helper()
	return s.MustExec("archive", "--before", weekAgo(), "--to", folder)
}

// archivedRows returns the first columns of each row in the files of a kind. The last row of a file may be incomplete
// after a kill.
func archivedRows(s *harness.Shop, folder, kind string, columns int) map[string]bool {
	s.Helper()
	all := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(folder, kind+"-*.csv"))
	if err != nil {
		s.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			s.Fatal(err)
		}
		in := csv.NewReader(bytes.NewReader(text))
		_, err = in.Read() // the header
		for err == nil {
			var row []string
			if row, err = in.Read(); err == nil {
				all[strings.Join(row[:columns], " ")] = true
			}
		}
	}
	return all
}

// historyEntries returns the identities of all history entries.
func historyEntries(d *harness.Database) map[string]bool {
	d.Helper()
	all := map[string]bool{}
	rows, err := d.DB.QueryContext(d.Context(), `SELECT code, change_id, n FROM keyseat_history`)
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err returns its error
	for rows.Next() {
		var code, change string
		var n int
		if err := rows.Scan(&code, &change, &n); err != nil {
			d.Fatal(err)
		}
		all[fmt.Sprint(code, " ", change, " ", n)] = true
	}
	if err := rows.Err(); err != nil {
		d.Fatal(err)
	}
	return all
}

// lostEntries counts the history entries that are neither in a file nor in the database.
func lostEntries(d *harness.Database, before map[string]bool, folder string) (n int) {
	d.Helper()
	kept, left := archivedRows(d.Shop, folder, "history", 3), historyEntries(d)
	for entry := range before {
		if !kept[entry] && !left[entry] {
			n++
		}
	}
	return n
}

// TestArchiveMovesFinishedTasks archives while a daemon serves. All finished tasks go into files, with their history.
// info and the doctor answer as before, and all keys stay usable.
func TestArchiveMovesFinishedTasks(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		const many = 30
		var old, young []string
		for i := range many {
			old, young = append(old, fmt.Sprint("old-", i)), append(young, fmt.Sprint("young-", i))
		}
		s.AddKeys(append(old, young...)...)
		s.ImportPlans("elm,US,100,1 High Street,link")
		d := s.Serve("--task-attempts=1", "--key-task-limit=0")
		for _, account := range []string{"wrong_address", "success"} {
			for _, code := range old {
				d.MustAccept(harness.Upgrade(code, account+"@"+code+".example.com", "US"))
			}
			for _, code := range old {
				d.WaitEnd(code)
			}
		}
		d.MustAccept(harness.Renew(old[0], "success@renewed.example.com"))
		d.ExpectEnd(old[0], "success_renew", "Key Renewed")
		infos := map[string]string{}
		for _, code := range append(old, young...) {
			infos[code] = d.Get(harness.Query("info", code)).Body
		}
		o := s.OpenDatabase()
		ageByMonth(o, "old-")
		before := historyEntries(o)

		var load sync.WaitGroup
		load.Go(func() {
			for _, code := range young {
				d.MustAccept(harness.Upgrade(code, "success@"+code+".example.com", "US"))
			}
		})
		folder := filepath.Join(s.Folder, "archive")
		out := archiveWeekOld(s, folder)
		load.Wait()
		if want := fmt.Sprintf("archived %d tasks and %d history entries of %d keys\n", many, 5*many+2, many); out != want {
			s.Errorf("the output is %q, not %q", out, want)
		}
		for _, code := range young {
			d.ExpectEnd(code, "success", "")
		}
		for _, code := range old {
			d.Expect(d.Get(harness.Query("info", code)), 200, infos[code])
		}
		if n := lostEntries(o, before, folder); n > 0 {
			s.Errorf("%d entries are nowhere", n)
		}
		if n := len(archivedRows(s, folder, "tasks", 2)); n != many {
			s.Errorf("%d tasks are kept", n)
		}
		expectPrivate(s, folder)
		s.CheckDoctor()
		expectHistory(s, old[1], "archived")
		if again := archiveWeekOld(s, folder); !strings.HasPrefix(again, "archived 0 tasks and 0 history entries of 0 keys") {
			s.Errorf("the second time: %s", again)
		}
		expectShown(s, old[0], "It was renewed, and can be upgraded.", "`keyseatd plans release ")
		task := taskWithSpentSlot(s, old[0])
		s.MustExec("plans", "release", task)
		d.MustAccept(harness.Upgrade(old[0], "success@again.example.com", "US"))
		d.ExpectEnd(old[0], "success", "")
		d.Stop()
		s.CheckDoctor()
	})
}

// taskWithSpentSlot returns the task of a key that has spent a slot.
func taskWithSpentSlot(s *harness.Shop, code string) string {
	s.Helper()
	for _, t := range s.Tasks() {
		if t.Code == code && t.Slot == "spent" {
			return t.ID
		}
	}
	s.Fatalf("%s has spent no slot", code)
	return ""
}

// expectPrivate checks that other users cannot read the files in a folder.
func expectPrivate(s *harness.Shop, folder string) {
	s.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) != 2 {
		s.Fatal(files, err)
	}
	for _, path := range append(files, folder) {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			s.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// TestKilledArchiveLosesNothing kills several runs of archive. Each record that the database has lost is in a file.
func TestKilledArchiveLosesNothing(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		const many, kills = 6000, 4
		var codes []string
		for i := range many {
			codes = append(codes, fmt.Sprintf("old-%05d", i))
		}
		s.AddKeys(codes...)
		o := s.OpenDatabase()
		o.Edit(`INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
			SELECT code, 'more', 0, at, 'revoked', '', '', '', '', '', '', '' FROM keyseat_history`)
		o.Edit(`UPDATE keyseat_history SET at = at - interval '720 hours'`)
		before := historyEntries(o)
		killed := 0
		for n := range kills {
			folder := filepath.Join(s.Folder, fmt.Sprint("run", n))
			run := s.StartCommand(s.Command("archive", "--before", weekAgo(), "--to", folder))
			was := len(historyEntries(o))
			s.Eventually("it has moved something", func() bool { return len(historyEntries(o)) < was || run.HasEnded() })
			time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond) // so that the process dies at any moment
			run.Kill()
			if run.ExitCode() != 0 {
				killed++
			}
		}
		if left := len(historyEntries(o)); killed == 0 || left == len(before) || left == many {
			s.Errorf("%d runs were killed, %d of %d entries are left: nothing is proven", killed, left, len(before))
		}
		if n := lostEntries(o, before, filepath.Join(s.Folder, "run*")); n > 0 {
			s.Errorf("%d entries are nowhere after %d kills", n, killed)
		}
		s.MustExec("doctor")
		archiveWeekOld(s, filepath.Join(s.Folder, "run-last"))
		if left := historyEntries(o); len(left) != many {
			s.Errorf("%d entries are left", len(left))
		}
		if n := lostEntries(o, before, filepath.Join(s.Folder, "run*")); n > 0 {
			s.Errorf("%d entries are nowhere in the end", n)
		}
	})
}

// TestUnwritableArchiveTakesNothing checks that records stay in the database if they cannot be written.
func TestUnwritableArchiveTakesNothing(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("old-1")
		s.MustExec("keys", "revoke", "old-1")
		o := s.OpenDatabase()
		o.Edit(`UPDATE keyseat_history SET at = at - interval '720 hours'`)
		before := historyEntries(o)
		if r := s.Exec("archive", "--before", weekAgo(), "--to", "/dev/null/folder"); r.Code != 1 || !strings.Contains(r.Err, "/dev/null") {
			s.Errorf("status %d, %s", r.Code, r.Err)
		}
		if n := lostEntries(o, before, s.Folder); n > 0 {
			s.Errorf("%d entries are nowhere", n)
		}
	})
}
