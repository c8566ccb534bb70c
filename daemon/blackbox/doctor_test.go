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
func (s *shop) doctor(flags ...string) []finding {
	s.Helper()
	r := s.cli(append([]string{"doctor", "--output", "json"}, flags...)...)
	var all []finding
	if err := json.Unmarshal([]byte(r.out), &all); err != nil {
		s.Fatalf("doctor: %v\n%s%s", err, r.out, r.err)
	}
	left := slices.ContainsFunc(all, func(f finding) bool { return f.Done == "" })
	var said []string // but of the settings of a server that need keep nothing
	for line := range strings.Lines(r.err) {
		if !strings.Contains(line, notDurable) {
			said = append(said, line)
		}
	}
	if left != (r.code == 1) || left != (len(said) > 0) || r.code > 1 {
		s.Errorf("doctor: status %d, %s%s", r.code, r.err, r.out)
	}
	for _, f := range all {
		if f.Found == "" || f.Means == "" || f.Repair+f.Decide == "" || f.Key+f.Plan == "" {
			s.Errorf("nobody could act on %+v", f)
		}
	}
	return all
}

// codesOf are the codes of what was done, or is left, in order, each once.
func codesOf(all []finding, done bool) string {
	var codes []string
	for _, f := range all {
		if (f.Done != "") == done {
			codes = append(codes, f.Code)
		}
	}
	slices.Sort(codes)
	return strings.Join(slices.Compact(codes), " ")
}

// A plant is a corruption, and what the doctor is to make of it.
type plant struct {
	name  string
	sql   string           // statements, as [surgery.do] takes them
	found string           // codes
	left  string           // codes after the repair
	after func(d *surgery) // looks at what the repair has made of it
	undo  string           // statements that put right what is left; the doctor does the rest
}

// A surgery is a shop whose database is reached past the program.
type surgery struct {
	*shop
	db *sql.DB
}

// operate reaches the database, with no rule of its own in the way.
func (s *shop) operate() *surgery {
	s.Helper()
	driver, url := "pgx", s.database
	if s.embedded() {
		driver, url = "sqlite", "file:"+strings.TrimPrefix(s.database, "sqlite:")+"?_pragma=busy_timeout(10000)&_pragma=ignore_check_constraints(1)"
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = db.Close() })
	d := &surgery{s, db}
	if !s.embedded() {
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

// do runs statements, written for PostgreSQL, each of which must change something.
func (d *surgery) do(statements string) {
	d.Helper()
	if d.embedded() {
		statements = strings.NewReplacer(
			"now()", "CAST(unixepoch() AS INTEGER) * 1000000", " - interval '1 hour'", " - 3600000000", " - interval '720 hours'", " - 2592000000000",
			`'\x00'::bytea`, "X'00'", "NOT used", "1 - used",
		).Replace(statements)
	}
	ctx, cancel := context.WithTimeout(d.Context(), patience)
	defer cancel()
	for statement := range strings.SplitSeq(statements, ";\n") {
		r, err := d.db.ExecContext(ctx, statement)
		if err != nil {
			d.Fatalf("%s: %v", statement, err)
		}
		if n, err := r.RowsAffected(); n == 0 && err == nil && !strings.HasPrefix(strings.TrimSpace(statement), "D") {
			d.Errorf("nothing was hurt by %s", statement)
		}
	}
}

// status is the key's.
func (d *surgery) status(code string) string {
	d.Helper()
	var page struct {
		Status string
		Used   bool
	}
	if err := json.Unmarshal([]byte(d.must("keys", "show", code, "--output", "json")), &page); err != nil {
		d.Fatal(err)
	}
	return fmt.Sprint(page.Status, " ", page.Used)
}

// stands holds that a key does so.
func stands(code, status string) func(*surgery) {
	return func(d *surgery) {
		d.Helper()
		if got := d.status(code); got != status {
			d.Errorf("%s is %s, not %s", code, got, status)
		}
	}
}

// counts holds that a plan has so many spent and suspect slots.
func counts(id string, spent, suspect int) func(*surgery) {
	return func(d *surgery) {
		d.Helper()
		if p := d.plans()[id]; p.Spent != spent || p.Suspect != suspect {
			d.Errorf("%+v has not %d spent and %d suspect", p, spent, suspect)
		}
	}
}

const taskColumns = `kind, country, version, fence, plan_address, plan_invite, ordinal, faulty, asked, tries, lost, doubt, first_asked, created_at, due, outcome, sealed`

// plants follow each other in one shop. The tasks and what becomes of them are those of [ailing].
var plants = []plant{
	{
		name: "a counter", sql: `UPDATE keyseat_plans SET spent = spent - 1, suspect = suspect + 2 WHERE id = 'p'`,
		found: "plan_moves", after: counts("p", 6, 1),
	},
	{
		name: "a negative counter", sql: `UPDATE keyseat_plans SET held = -3 WHERE id = 'p'`,
		found: "plan_count", after: counts("p", 6, 1),
	},
	{
		name: "more than the plan has", sql: `UPDATE keyseat_plans SET spent = 1000 WHERE id = 'p'`,
		found: "plan_count", after: counts("p", 6, 1),
	},
	{
		name: "a task's slot", sql: `UPDATE keyseat_tasks SET slot = 'free' WHERE code = 'done'`,
		found: "plan_tasks slot_history", after: counts("p", 6, 1),
	},
	{
		name: "a line of history is lost", sql: `DELETE FROM keyseat_history WHERE code = 'done' AND slot_to = 'spent'`,
		found: "plan_moves plan_tasks slot_history", after: counts("p", 6, 1),
	},
	{
		name: "a slot that was held twice", sql: `
			INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
			SELECT code, 'planted', n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note FROM keyseat_history WHERE code = 'done' AND cause = 'accepted';
INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
			SELECT code, 'planted', 7, at, 'moved', task_id, kind, outcome, plan_id, slot_to, slot_from, note FROM keyseat_history WHERE code = 'done' AND change_id = 'planted'`,
		found: "slot_order", after: counts("p", 6, 1),
	},
	{
		name: "two open tasks", sql: `
			DROP INDEX keyseat_tasks_open;
INSERT INTO keyseat_tasks (code, id, plan_id, slot, ` + taskColumns + `) SELECT code, 'STRAY', '', '', ` + taskColumns + ` FROM keyseat_tasks WHERE code = 'open1'`,
		found: "secret_sealed task_stray", after: stands("open1", "in_queue false"),
	},
	{
		name: "in the queue without a task", sql: `UPDATE keyseat_keys SET status = 'in_queue', message = '' WHERE code = 'failed'`,
		found: "queue_empty", after: stands("failed", "failed_upgrade false"),
	},
	{
		name: "a key without any task in the queue", sql: `UPDATE keyseat_keys SET status = 'in_queue' WHERE code = 'new1'`,
		found: "queue_empty", after: stands("new1", "failed_upgrade false"),
	},
	{
		name: "an open task, but not in the queue", sql: `UPDATE keyseat_keys SET status = 'active' WHERE code = 'open1'`,
		found: "queue_left", after: stands("open1", "in_queue false"),
	},
	{
		name: "status and use", sql: `UPDATE keyseat_keys SET used = NOT used WHERE code = 'done'`,
		found: "status_used", after: stands("done", "success true"),
	},
	{
		name: "a status that is none", sql: `UPDATE keyseat_keys SET status = 'eaten' WHERE code = 'renewed'`,
		found: "status_used", after: stands("renewed", "success_renew false"),
	},
	{
		name: "a secret that is left", sql: `UPDATE keyseat_tasks SET sealed = '\x00'::bytea WHERE code = 'failed'`,
		found: "secret_left",
	},
	{
		name: "a secret that is gone", sql: `UPDATE keyseat_tasks SET sealed = NULL WHERE code = 'open2'`,
		found: "secret_missing", after: stands("open2", "failed_upgrade false"),
	},
	{
		name: "secrets that were swapped", sql: `UPDATE keyseat_tasks SET sealed = (SELECT sealed FROM keyseat_tasks WHERE code = 'open4') WHERE code = 'open3'`,
		found: "secret_sealed", left: "secret_sealed",
		undo: `UPDATE keyseat_tasks SET sealed = NULL WHERE code = 'open3'`,
	},
	{
		name: "a lease that nobody takes over", sql: `UPDATE keyseat_tasks SET leased_until = now() - interval '1 hour', worker = 'w' WHERE code = 'open4'`,
		found: "lease_stale", after: stands("open4", "in_queue false"),
	},
	{
		name: "an ended task that holds a slot", sql: `UPDATE keyseat_tasks SET ended_at = now(), outcome = 'system_error', sealed = NULL WHERE code = 'open5'`,
		found: "queue_empty slot_held",
		after: stands("open5", "failed_upgrade false"),
	},
	{
		name: "a latest task that is nowhere", sql: `UPDATE keyseat_keys SET task_id = 'nowhere' WHERE code IN ('done', 'open4')`,
		found: "task_missing", after: stands("open4", "in_queue false"),
	},
	{
		name: "a latest task of another key", sql: `UPDATE keyseat_keys SET task_id = (SELECT task_id FROM keyseat_keys WHERE code = 'done') WHERE code = 'failed'`,
		found: "task_foreign", after: stands("failed", "failed_upgrade false"),
	},
	{
		name: "an open task that its key forgot", sql: `UPDATE keyseat_keys SET task_id = '', status = 'active' WHERE code = 'open4'`,
		found: "task_unnamed", after: stands("open4", "in_queue false"),
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
		found: "key_missing", left: "key_missing", after: counts("p", 6, 4),
	},
	{
		name: "a plan that is gone", sql: `DELETE FROM keyseat_plans WHERE id = 'q'`,
		found: "plan_missing", left: "plan_missing",
	},
	{
		name: "a task that is gone", sql: `DELETE FROM keyseat_tasks WHERE code = 'lost'`,
		found: "plan_tasks task_lost task_missing", left: "plan_tasks task_lost", after: counts("p", 6, 4),
	},
}

// ailing is a shop that has worked: 4 slots of plan p are spent, one is suspect, and five are held.
func ailing(s *shop) {
	s.Helper()
	s.fresh("done", "renewed", "failed", "again", "gone", "lost", "doubt", "new1", "new2", "abroad", "open1", "open2", "open3", "open4", "open5")
	s.importPlans("p,US,20,1 Street,", "q,DE,3,,")
	d := s.serve("--task-attempts", "1", "--master-key-file", filepath.Join(s.folder, "keys"))
	do := func(form, code, status string) {
		s.Helper()
		d.accepted(form)
		if k := d.ends(code); k.Status != status {
			s.Errorf("%s has become %s", code, k.body)
		}
	}
	for _, code := range []string{"done", "gone", "again", "renewed"} {
		do(upgrade(code, "success@"+code+".example.com", "US"), code, "success")
	}
	do(upgrade("abroad", "success@abroad.example.com", "DE"), "abroad", "success")
	do(upgrade("failed", "wrong_address@example.com", "US"), "failed", "failed_upgrade")
	do(upgrade("doubt", "500@example.com", "US"), "doubt", "failed_upgrade")
	do(renew("renewed", "success@renew.example.com"), "renewed", "success_renew")
	do(renew("again", "success@again.renew.example.com"), "again", "success_renew")
	do(upgrade("again", "success@again2.example.com", "US"), "again", "success")
	do(upgrade("lost", "success@lost.example.com", "US"), "lost", "success")
	for n := range 5 {
		d.accepted(upgrade(fmt.Sprint("open", n+1), pending, "US"))
	}
	s.until("they are asked", func() bool {
		return !slices.ContainsFunc(s.tasks("--state", "open"), func(t task) bool { return t.Asked == 0 })
	})
	d.stop()
}

// TestDoctor holds that each corruption is found and said, that looking changes nothing, that a repair
// mends what it says and nothing else, and that the shop works afterwards.
func TestDoctor(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		keyFile := filepath.Join(s.folder, "keys")
		s.must("master-key", "add", keyFile)
		ailing(s)
		if out := s.must("doctor", "--master-key-file", keyFile); out != "nothing is wrong\n" {
			s.Fatalf("found in a shop that is well:\n%s", out)
		}
		if out := s.must("doctor", "--repair"); out != "nothing is wrong\n" {
			s.Fatalf("mended in a shop that is well:\n%s", out)
		}
		d := s.operate()
		for _, p := range plants {
			d.treat(p, "--master-key-file="+keyFile)
		}
		d.recovers("--master-key-file=" + keyFile)
	})
}

// treat plants one corruption beside what is left of others.
func (d *surgery) treat(p plant, flag string) {
	d.Helper()
	before := d.doctor(flag)
	d.do(p.sql)
	found := d.doctor(flag)
	if got := codesOf(minus(found, before), false); got != p.found {
		d.Errorf("%s: found %q, not %q", p.name, got, p.found)
	}
	if again := d.doctor(flag); !slices.Equal(again, found) {
		d.Errorf("%s: looking has changed something:\n%+v\n%+v", p.name, found, again)
	}
	if text := d.cli("doctor", flag).out; strings.Count(text, "  found:") != len(found) || strings.Count(text, "  means:") != len(found) {
		d.Errorf("%s: a person is told\n%s", p.name, text)
	}
	mended := d.doctor(flag, "--repair")
	left := d.doctor(flag)
	if got := codesOf(minus(left, before), false); got != p.left {
		d.Errorf("%s: left %q, not %q, after %+v", p.name, got, p.left, mended)
	}
	if p.found != p.left && codesOf(mended, true) == "" {
		d.Errorf("%s: nothing was said to be mended", p.name)
	}
	if p.after != nil {
		p.after(d)
	}
	if p.undo != "" {
		d.do(p.undo)
		d.doctor(flag, "--repair")
	}
	d.plans()
}

func minus(all, some []finding) []finding {
	return slices.DeleteFunc(slices.Clone(all), func(f finding) bool { return slices.Contains(some, f) })
}

// recovers does what the doctor has left to the operator, and then works.
func (d *surgery) recovers(flag string) {
	d.Helper()
	d.fresh("gone")
	d.importPlans("q,DE,3,,")
	d.doctor(flag, "--repair")
	if left := codesOf(d.doctor(flag), false); left != "plan_tasks task_lost" {
		d.Errorf("left: %s", left)
	}
	for _, t := range d.tasks("--state", "suspect") {
		d.must("tasks", "resolve", t.ID, "--outcome", "success")
	}
	serving := d.serve(flag)
	serving.accepted(upgrade("new2", "success@new2.example.com", "DE"))
	serving.endsAs("new2", "success", "")
	serving.accepted(renew("done", "success@done.renew.example.com"))
	serving.endsAs("done", "success_renew", "Key Renewed")
	if k := serving.info("open2"); k.Status != "success" || k.Used != 1 { // as the operator has resolved
		d.Errorf("open2 is %s", k.body)
	}
	serving.stop()
	if p := d.plans()["q"]; p.Spent != 2 {
		d.Errorf("%+v has not the two slots that it has sold", p)
	}
	if left := codesOf(d.doctor(flag), false); left != "plan_tasks task_lost" {
		d.Errorf("left after work: %s", left)
	}
}

// TestDoctorAtWork holds that nothing is found, and nothing mended, while daemons are at work.
func TestDoctorAtWork(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		l := newLoad(s)
		d := s.serve("--key-task-limit", "0")
		l.begin(d)
		for i := 0; i < 4 || l.size() < 300; i++ {
			flags := []string{"--repair"}[:i%2]
			if found := s.doctor(flags...); len(found) > 0 {
				s.Errorf("found at work: %+v", found)
			}
		}
		l.end()
		l.settled()
		d.stop()
		if found := s.doctor(); len(found) > 0 {
			s.Errorf("found after work: %+v", found)
		}
	})
}

// TestDoctorFails holds that a file of master keys that is not there is no healthy store.
func TestDoctorFails(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	if r := s.cli("doctor"); r.code != 1 || !strings.Contains(r.err, "no database") {
		t.Errorf("%+v", r)
	}
	s.importPlans("p,US,1,,")
	if r := s.cli("doctor", "--master-key-file", "nowhere"); r.code != 1 || r.out != "" || !strings.Contains(r.err, "nowhere") {
		t.Errorf("%+v", r)
	}
}
