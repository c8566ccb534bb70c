package blackbox_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// A finding is what doctor prints for programs.
type finding struct{ Code, Key, Task, Plan, Found, Means, Repair, Decide, Done string }

// doctor gives what is found, after having checked that the status goes with it.
func (s *Shop) doctor(flags ...string) []finding {
	s.Helper()
	r := s.Exec(append([]string{"doctor", "--output", "json"}, flags...)...)
	var all []finding
	if err := json.Unmarshal([]byte(r.Out), &all); err != nil {
		s.Fatalf("doctor: %v\n%s%s", err, r.Out, r.Err)
	}
	left := slices.ContainsFunc(all, func(f finding) bool { return f.Done == "" })
	var said []string // but of the settings of a server that need keep nothing
	for line := range strings.Lines(r.Err) {
		if !strings.Contains(line, NotDurable) {
			said = append(said, line)
		}
	}
	if left != (r.Code == 1) || left != (len(said) > 0) || r.Code > 1 {
		s.Errorf("doctor: status %d, %s%s", r.Code, r.Err, r.Out)
	}
	for _, f := range all {
		if f.Found == "" || f.Means == "" || f.Repair+f.Decide == "" || f.Key+f.Plan == "" {
			s.Errorf("nobody could act on %+v", f)
		}
	}
	return all
}

// findingCodes are the codes of what was done, or is left, in order, each once.
func findingCodes(all []finding, done bool) string {
	var codes []string
	for _, f := range all {
		if (f.Done != "") == done {
			codes = append(codes, f.Code)
		}
	}
	slices.Sort(codes)
	return strings.Join(slices.Compact(codes), " ")
}

// A corruption is a corruption, and what the doctor is to make of it.
type corruption struct {
	name  string
	sql   string            // statements, as [blackbox.Database.Edit] takes them
	found string            // codes
	left  string            // codes after the repair
	after func(d *Database) // looks at what the repair has made of it
	undo  string            // statements that put right what is left; the doctor does the rest
}

// A Database is a shop whose database is reached past the program.
type Database struct {
	*Shop
	DB *sql.DB
}

// OpenDatabase reaches the database, with no rule of its own in the way.
func (s *Shop) OpenDatabase() *Database {
	s.Helper()
	driver, url := "pgx", s.Database
	if s.IsSQLite() {
		driver, url = "sqlite", "file:"+strings.TrimPrefix(s.Database, "sqlite:")+"?_pragma=busy_timeout(10000)&_pragma=ignore_check_constraints(1)"
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = db.Close() })
	d := &Database{s, db}
	if !s.IsSQLite() {
		const drop = `DO $$ DECLARE c record; BEGIN
			FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint WHERE contype = 'c' AND conrelid::regclass::text LIKE 'keyseat_%' LOOP
				EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname);
			END LOOP; END $$`
		if _, err := db.ExecContext(s.Context(), drop); err != nil {
			s.Fatal(err)
		}
	}
	return d
}

// Edit runs statements, written for PostgreSQL, each of which must change something.
func (d *Database) Edit(statements string) {
	d.Helper()
	if d.IsSQLite() {
		statements = strings.NewReplacer(
			"now()", "CAST(unixepoch() AS INTEGER) * 1000000", " - interval '1 hour'", " - 3600000000", " - interval '720 hours'", " - 2592000000000",
			`'\x00'::bytea`, "X'00'", "NOT used", "1 - used",
		).Replace(statements)
	}
	ctx, cancel := context.WithTimeout(d.Context(), MaxWait)
	defer cancel()
	for statement := range strings.SplitSeq(statements, ";\n") {
		r, err := d.DB.ExecContext(ctx, statement)
		if err != nil {
			d.Fatalf("%s: %v", statement, err)
		}
		if n, err := r.RowsAffected(); n == 0 && err == nil && !strings.HasPrefix(strings.TrimSpace(statement), "D") {
			d.Errorf("nothing was hurt by %s", statement)
		}
	}
}

// keyStatus is the key's.
func (d *Database) keyStatus(code string) string {
	d.Helper()
	var page struct {
		Status string
		Used   bool
	}
	if err := json.Unmarshal([]byte(d.MustExec("keys", "show", code, "--output", "json")), &page); err != nil {
		d.Fatal(err)
	}
	return fmt.Sprint(page.Status, " ", page.Used)
}

// expectStatus holds that a key does so.
func expectStatus(code, status string) func(*Database) {
	return func(d *Database) {
		d.Helper()
		if got := d.keyStatus(code); got != status {
			d.Errorf("%s is %s, not %s", code, got, status)
		}
	}
}

// expectCounts holds that a plan has so many spent and suspect slots.
func expectCounts(id string, spent, suspect int) func(*Database) {
	return func(d *Database) {
		d.Helper()
		if p := d.Plans()[id]; p.Spent != spent || p.Suspect != suspect {
			d.Errorf("%+v has not %d spent and %d suspect", p, spent, suspect)
		}
	}
}

const taskColumns = `kind, country, version, fence, plan_address, plan_invite, ordinal, faulty, asked, tries, lost, doubt, first_asked, created_at, due, outcome, sealed`

// plants follow each other in one shop. The tasks and what becomes of them are those of [blackbox.newShopWithHistory].
var corruptions = []corruption{
	{
		name: "a counter", sql: `UPDATE keyseat_plans SET spent = spent - 1, suspect = suspect + 2 WHERE id = 'p'`,
		found: "plan_moves", after: expectCounts("p", 6, 1),
	},
	{
		name: "a negative counter", sql: `UPDATE keyseat_plans SET held = -3 WHERE id = 'p'`,
		found: "plan_count", after: expectCounts("p", 6, 1),
	},
	{
		name: "more than the plan has", sql: `UPDATE keyseat_plans SET spent = 1000 WHERE id = 'p'`,
		found: "plan_count", after: expectCounts("p", 6, 1),
	},
	{
		name: "a task's slot", sql: `UPDATE keyseat_tasks SET slot = 'free' WHERE code = 'done'`,
		found: "plan_tasks slot_history", after: expectCounts("p", 6, 1),
	},
	{
		name: "a line of history is lost", sql: `DELETE FROM keyseat_history WHERE code = 'done' AND slot_to = 'spent'`,
		found: "plan_moves plan_tasks slot_history", after: expectCounts("p", 6, 1),
	},
	{
		name: "a slot that was held twice", sql: `
			INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
			SELECT code, 'planted', n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note FROM keyseat_history WHERE code = 'done' AND cause = 'accepted';
INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
			SELECT code, 'planted', 7, at, 'moved', task_id, kind, outcome, plan_id, slot_to, slot_from, note FROM keyseat_history WHERE code = 'done' AND change_id = 'planted'`,
		found: "slot_order", after: expectCounts("p", 6, 1),
	},
	{
		name: "two open tasks", sql: `
			DROP INDEX keyseat_tasks_open;
INSERT INTO keyseat_tasks (code, id, plan_id, slot, ` + taskColumns + `) SELECT code, 'STRAY', '', '', ` + taskColumns + ` FROM keyseat_tasks WHERE code = 'open1'`,
		found: "secret_sealed task_stray", after: expectStatus("open1", "in_queue false"),
	},
	{
		name: "in the queue without a task", sql: `UPDATE keyseat_keys SET status = 'in_queue', message = '' WHERE code = 'failed'`,
		found: "queue_empty", after: expectStatus("failed", "failed_upgrade false"),
	},
	{
		name: "a key without any task in the queue", sql: `UPDATE keyseat_keys SET status = 'in_queue' WHERE code = 'new1'`,
		found: "queue_empty", after: expectStatus("new1", "failed_upgrade false"),
	},
	{
		name: "an open task, but not in the queue", sql: `UPDATE keyseat_keys SET status = 'active' WHERE code = 'open1'`,
		found: "queue_left", after: expectStatus("open1", "in_queue false"),
	},
	{
		name: "status and use", sql: `UPDATE keyseat_keys SET used = NOT used WHERE code = 'done'`,
		found: "status_used", after: expectStatus("done", "success true"),
	},
	{
		name: "a status that is none", sql: `UPDATE keyseat_keys SET status = 'eaten' WHERE code = 'renewed'`,
		found: "status_used", after: expectStatus("renewed", "success_renew false"),
	},
	{
		name: "a secret that is left", sql: `UPDATE keyseat_tasks SET sealed = '\x00'::bytea WHERE code = 'failed'`,
		found: "secret_left",
	},
	{
		name: "a secret that is gone", sql: `UPDATE keyseat_tasks SET sealed = NULL WHERE code = 'open2'`,
		found: "secret_missing", after: expectStatus("open2", "failed_upgrade false"),
	},
	{
		name: "secrets that were swapped", sql: `UPDATE keyseat_tasks SET sealed = (SELECT sealed FROM keyseat_tasks WHERE code = 'open4') WHERE code = 'open3'`,
		found: "secret_sealed", left: "secret_sealed",
		undo: `UPDATE keyseat_tasks SET sealed = NULL WHERE code = 'open3'`,
	},
	{
		name: "a lease that nobody takes over", sql: `UPDATE keyseat_tasks SET leased_until = now() - interval '1 hour', worker = 'w' WHERE code = 'open4'`,
		found: "lease_stale", after: expectStatus("open4", "in_queue false"),
	},
	{
		name: "an ended task that holds a slot", sql: `UPDATE keyseat_tasks SET ended_at = now(), outcome = 'system_error', sealed = NULL WHERE code = 'open5'`,
		found: "queue_empty slot_held",
		after: expectStatus("open5", "failed_upgrade false"),
	},
	{
		name: "a latest task that is nowhere", sql: `UPDATE keyseat_keys SET task_id = 'nowhere' WHERE code IN ('done', 'open4')`,
		found: "task_missing", after: expectStatus("open4", "in_queue false"),
	},
	{
		name: "a latest task of another key", sql: `UPDATE keyseat_keys SET task_id = (SELECT task_id FROM keyseat_keys WHERE code = 'done') WHERE code = 'failed'`,
		found: "task_foreign", after: expectStatus("failed", "failed_upgrade false"),
	},
	{
		name: "an open task that its key forgot", sql: `UPDATE keyseat_keys SET task_id = '', status = 'active' WHERE code = 'open4'`,
		found: "task_unnamed", after: expectStatus("open4", "in_queue false"),
	},
	{
		name: "a task that cannot be read", sql: `UPDATE keyseat_tasks SET faulty = '[' WHERE code = 'open4'`,
		found: "task_unreadable", left: "task_unreadable",
		undo: `UPDATE keyseat_tasks SET faulty = '' WHERE code = 'open4'`,
	},
	{
		name: "two upgrades without a renew", sql: `UPDATE keyseat_history SET outcome = 'still_premium' WHERE code = 'again' AND kind = 'renew' AND cause = 'ended'`,
		found: "upgraded_twice", left: "upgraded_twice",
		undo: `UPDATE keyseat_history SET outcome = 'success' WHERE code = 'again' AND kind = 'renew' AND cause = 'ended'`,
	},
	{
		name: "a key that is gone", sql: `DELETE FROM keyseat_keys WHERE code = 'gone'`,
		found: "key_missing", left: "key_missing", after: expectCounts("p", 6, 4),
	},
	{
		name: "a plan that is gone", sql: `DELETE FROM keyseat_plans WHERE id = 'q'`,
		found: "plan_missing", left: "plan_missing",
	},
	{
		name: "a task that is gone", sql: `DELETE FROM keyseat_tasks WHERE code = 'lost'`,
		found: "plan_tasks task_lost task_missing", left: "plan_tasks task_lost", after: expectCounts("p", 6, 4),
	},
}

// newShopWithHistory is a shop that has worked: 4 slots of plan p are spent, one is suspect, and five are held.
func newShopWithHistory(s *Shop) {
	s.Helper()
	s.AddKeys("done", "renewed", "failed", "again", "gone", "lost", "doubt", "new1", "new2", "abroad", "open1", "open2", "open3", "open4", "open5")
	s.ImportPlans("p,US,20,1 Street,", "q,DE,3,,")
	d := s.Serve("--task-attempts", "1", "--master-key-file", filepath.Join(s.Folder, "keys"))
	do := func(form, code, status string) {
		s.Helper()
		d.MustAccept(form)
		if k := d.WaitEnd(code); k.Status != status {
			s.Errorf("%s has become %s", code, k.Body)
		}
	}
	for _, code := range []string{"done", "gone", "again", "renewed"} {
		do(Upgrade(code, "success@"+code+".example.com", "US"), code, "success")
	}
	do(Upgrade("abroad", "success@abroad.example.com", "DE"), "abroad", "success")
	do(Upgrade("failed", "wrong_address@example.com", "US"), "failed", "failed_upgrade")
	do(Upgrade("doubt", "500@example.com", "US"), "doubt", "failed_upgrade")
	do(Renew("renewed", "success@renew.example.com"), "renewed", "success_renew")
	do(Renew("again", "success@again.renew.example.com"), "again", "success_renew")
	do(Upgrade("again", "success@again2.example.com", "US"), "again", "success")
	do(Upgrade("lost", "success@lost.example.com", "US"), "lost", "success")
	for n := range 5 {
		d.MustAccept(Upgrade(fmt.Sprint("open", n+1), PendingLogin, "US"))
	}
	s.Eventually("they are asked", func() bool {
		return !slices.ContainsFunc(s.Tasks("--state", "open"), func(t Task) bool { return t.Attempts == 0 })
	})
	d.Stop()
}

// TestDoctorFindsAndRepairs holds that each corruption is found and said, that looking changes nothing, that a repair
// mends what it says and nothing else, and that the shop works afterwards.
func TestDoctorFindsAndRepairs(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		keyFile := filepath.Join(s.Folder, "keys")
		s.MustExec("master-key", "add", keyFile)
		newShopWithHistory(s)
		if out := s.MustExec("doctor", "--master-key-file", keyFile); out != "nothing is wrong\n" {
			s.Fatalf("found in a shop that is well:\n%s", out)
		}
		if out := s.MustExec("doctor", "--repair"); out != "nothing is wrong\n" {
			s.Fatalf("mended in a shop that is well:\n%s", out)
		}
		d := s.OpenDatabase()
		for _, p := range corruptions {
			d.checkCorruption(p, "--master-key-file="+keyFile)
		}
		d.resolveRest("--master-key-file=" + keyFile)
	})
}

// checkCorruption plants one corruption beside what is left of others.
func (d *Database) checkCorruption(p corruption, flag string) {
	d.Helper()
	before := d.doctor(flag)
	d.Edit(p.sql)
	found := d.doctor(flag)
	if got := findingCodes(without(found, before), false); got != p.found {
		d.Errorf("%s: found %q, not %q", p.name, got, p.found)
	}
	if again := d.doctor(flag); !slices.Equal(again, found) {
		d.Errorf("%s: looking has changed something:\n%+v\n%+v", p.name, found, again)
	}
	if text := d.Exec("doctor", flag).Out; strings.Count(text, "  found:") != len(found) || strings.Count(text, "  means:") != len(found) {
		d.Errorf("%s: a person is told\n%s", p.name, text)
	}
	mended := d.doctor(flag, "--repair")
	left := d.doctor(flag)
	if got := findingCodes(without(left, before), false); got != p.left {
		d.Errorf("%s: left %q, not %q, after %+v", p.name, got, p.left, mended)
	}
	if p.found != p.left && findingCodes(mended, true) == "" {
		d.Errorf("%s: nothing was said to be mended", p.name)
	}
	if p.after != nil {
		p.after(d)
	}
	if p.undo != "" {
		d.Edit(p.undo)
		d.doctor(flag, "--repair")
	}
	d.Plans()
}

func without(all, some []finding) []finding {
	return slices.DeleteFunc(slices.Clone(all), func(f finding) bool { return slices.Contains(some, f) })
}

// resolveRest does what the doctor has left to the operator, and then works.
func (d *Database) resolveRest(flag string) {
	d.Helper()
	d.AddKeys("gone")
	d.ImportPlans("q,DE,3,,")
	d.doctor(flag, "--repair")
	if left := findingCodes(d.doctor(flag), false); left != "plan_tasks task_lost" {
		d.Errorf("left: %s", left)
	}
	for _, t := range d.Tasks("--state", "suspect") {
		d.MustExec("tasks", "resolve", t.ID, "--outcome", "success")
	}
	serving := d.Serve(flag)
	serving.MustAccept(Upgrade("new2", "success@new2.example.com", "DE"))
	serving.ExpectEnd("new2", "success", "")
	serving.MustAccept(Renew("done", "success@done.renew.example.com"))
	serving.ExpectEnd("done", "success_renew", "Key Renewed")
	if k := serving.Info("open2"); k.Status != "success" || k.Used != 1 { // as the operator has resolved
		d.Errorf("open2 is %s", k.Body)
	}
	serving.Stop()
	if p := d.Plans()["q"]; p.Spent != 2 {
		d.Errorf("%+v has not the two slots that it has sold", p)
	}
	if left := findingCodes(d.doctor(flag), false); left != "plan_tasks task_lost" {
		d.Errorf("left after work: %s", left)
	}
}

// TestDoctorFindsNothingUnderLoad holds that nothing is found, and nothing mended, while daemons are at work.
func TestDoctorFindsNothingUnderLoad(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		l := newLoad(s)
		d := s.Serve("--key-task-limit", "0")
		l.start(d)
		for i := 0; i < 4 || l.requestCount() < 300; i++ {
			flags := []string{"--repair"}[:i%2]
			if found := s.doctor(flags...); len(found) > 0 {
				s.Errorf("found at work: %+v", found)
			}
		}
		l.stop()
		l.finish()
		d.Stop()
		if found := s.doctor(); len(found) > 0 {
			s.Errorf("found after work: %+v", found)
		}
	})
}

// TestDoctorNeedsItsFiles holds that a file of master keys that is not there is no healthy store.
func TestDoctorNeedsItsFiles(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	if r := s.Exec("doctor"); r.Code != 1 || !strings.Contains(r.Err, "no database") {
		t.Errorf("%+v", r)
	}
	s.ImportPlans("p,US,1,,")
	if r := s.Exec("doctor", "--master-key-file", "nowhere"); r.Code != 1 || r.Out != "" || !strings.Contains(r.Err, "nowhere") {
		t.Errorf("%+v", r)
	}
}
