package operator_test

import (
	"encoding/json"
	"fmt"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A corruption damages records, and names the expected findings of the doctor.
type corruption struct {
	name  string
	sql   string                    // statements for [harness.Database.Edit]
	found string                    // the codes of the findings
	left  string                    // the codes of the findings after the repair
	after func(d *harness.Database) // checks the repaired records
	undo  string                    // statements that correct what the doctor leaves
}

// keyStatus returns the status of a key, and whether it is used.
func keyStatus(d *harness.Database, code string) string {
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

// expectStatus returns a check of the status of a key.
func expectStatus(code, status string) func(*harness.Database) {
	return func(d *harness.Database) {
		d.Helper()
		if got := keyStatus(d, code); got != status {
			d.Errorf("%s is %s, not %s", code, got, status)
		}
	}
}

// expectCounts returns a check of the spent and suspect slots of a plan.
func expectCounts(id string, spent, suspect int) func(*harness.Database) {
	return func(d *harness.Database) {
		d.Helper()
		if p := d.Plans()[id]; p.Spent != spent || p.Suspect != suspect {
			d.Errorf("%+v has not %d spent and %d suspect", p, spent, suspect)
		}
	}
}

const taskColumns = `kind, country, version, fence, plan_address, plan_invite, ordinal, faulty, asked, tries, lost, doubt, first_asked, created_at, due, outcome, sealed`

// corruptions are made one after another in one shop. The keys and tasks in them are those of newShopWithHistory.
var corruptions = []corruption{
	{
		name: "a counter and the sums of a country",
		sql: `UPDATE keyseat_plans SET spent = spent - 1, suspect = suspect + 2 WHERE id = 'p';
			UPDATE keyseat_countries SET free = free + 1 WHERE code = 'DE'`,
		found: "plan_moves stock_sums", after: expectCounts("p", 6, 1),
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
		name: "a history entry is lost", sql: `DELETE FROM keyseat_history WHERE code = 'done' AND slot_to = 'spent'`,
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
		name: "an unknown status", sql: `UPDATE keyseat_keys SET status = 'eaten' WHERE code = 'renewed'`,
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
