package faults_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// seededFaults falsify the sources of a run without faults, in at least one way for each of the promises.
var seededFaults = []struct {
	promise, how string
	do           func(*seededFault)
}{
	{"the slots of each plan add up", "oversold", editDatabase(`UPDATE keyseat_plans SET size = 0`)},
	{"the slots of each plan add up", "negative", editDatabase(`UPDATE keyseat_plans SET suspect = -1`)},
	{"the counters are the sum of the recorded moves", "one more", editDatabase(`UPDATE keyseat_plans SET spent = spent + 1`)},
	{"the counters are the sum of the recorded moves", "no record", editDatabase(`DELETE FROM keyseat_history WHERE slot_to = 'spent'`)},
	{"the counters are the sum of the recorded moves", "another state", editDatabase(`UPDATE keyseat_history SET slot_to = 'suspect' WHERE slot_to = 'spent'`)},
	{"a task holds a slot once and closes its hold once", "held twice", duplicateEvent(`slot_to = 'held'`)},
	{"a task holds a slot once and closes its hold once", "closed twice", duplicateEvent(`slot_to = 'spent'`)},
	{"the provider has filled what is spent, and no more than is spent or suspect", "spent for nothing", editLedger(`"done":`, `"lost":`)},
	{"the provider has filled what is spent, and no more than is spent or suspect", "another plan", editLedger(`"kind":"upgrade","plan":"p"`, `"kind":"upgrade","plan":"q"`)},
	{"the provider has filled what is spent, and no more than is spent or suspect", "given back", editLedger(`"outcome":"wrong_address"`, `"outcome":"success"`)},
	{"a key has one open task at a time", "two", editDatabase(`DELETE FROM keyseat_history WHERE cause = 'ended'`)},
	{"a key has one open task at a time", "ended before", editDatabase(`UPDATE keyseat_history SET seq = -seq WHERE cause = 'ended'`)},
	{"a use of a key is one successful upgrade", "no renew", editDatabase(`UPDATE keyseat_tasks SET outcome = 'still_premium' WHERE kind = 'renew'`)},
	{"a use of a key is one successful upgrade", "uncounted", editLedger(`"outcome":"wrong_address"`, `"outcome":"success"`)},
	{"an accepted request is one task, with what was submitted", "lost", editDatabase(`DELETE FROM keyseat_tasks WHERE kind = 'renew'`)},
	{"an accepted request is one task, with what was submitted", "lost unasked", editDatabase(`DELETE FROM keyseat_tasks WHERE outcome = 'out_of_stock'`)},
	{"an accepted request is one task, with what was submitted", "another key", editDatabase(`UPDATE keyseat_tasks SET code = 'C' WHERE kind = 'renew'`)},
	{"an accepted request is one task, with what was submitted", "another country", editDatabase(`UPDATE keyseat_tasks SET country = 'FR'`)},
	{"an accepted request is one task, with what was submitted", "another account", editJournal(func(n *journalEntry) { n.Account += "0" })},
	{"an accepted request is one task, with what was submitted", "another task", editLedger(`"task":"`, `"task":"other-`)},
	{"a request without an answer is one task at most", "two", duplicateLedgerLine("asked", "500+success", `"task":"`, `"task":"other-`)},
	{"a request without an answer is one task at most", "refused", editJournal(func(n *journalEntry) {
		n.Body = strings.Replace(n.Body, harness.UpgradeSent, harness.ErrorBody(harness.UpgradeOpen), 1)
	})},
	{"a request without an answer is one task at most", "without a request", editJournal(func(n *journalEntry) { n.Call = strings.TrimPrefix(n.Call, "renew") })},
	{"a task ends as the provider has answered", "another failure", editDatabase(`UPDATE keyseat_tasks SET outcome = 'account_locked' WHERE outcome = 'wrong_address'`)},
	{"a task ends as the provider has answered", "no success", editDatabase(`UPDATE keyseat_tasks SET outcome = 'success' WHERE outcome = 'wrong_address'`)},
	{"a task ends as the provider has answered", "a renew without an answer", editLedger(`"kind":"renew","login":`, `"kind":"upgrade","login":`)},
	{"every task ends in time", "open", editDatabase(`UPDATE keyseat_tasks SET ended_at = NULL`)},
	{"every task ends in time", "late", editDatabase(`UPDATE keyseat_tasks SET ended_at = ended_at + 1000000000`)},
	{"info follows the life of a key", "gone", editJournal(func(n *journalEntry) { n.Body = strings.Replace(n.Body, `"active"`, `"not_exist"`, 1) })},
	{"info follows the life of a key", "used without an upgrade", editJournal(func(n *journalEntry) { n.Body = strings.Replace(n.Body, `"used":0`, `"used":1`, 1) })},
	{"info follows the life of a key", "a step back", showEarlierInfo},
	{"info follows the life of a key", "no such message", editJournal(func(n *journalEntry) { n.Body = strings.Replace(n.Body, harness.Messages["wrong_address"], "Oops", 1) })},
	{"a task has no more writes than leases, and none after its end", "no lease", editDatabase(`UPDATE keyseat_tasks SET fence = 0`)},
	{"a task has no more writes than leases, and none after its end", "no record", editDatabase(`UPDATE keyseat_tasks SET version = version + 1`)},
	{"a task has no more writes than leases, and none after its end", "after the end", duplicateEvent(`cause = 'ended'`)},
	{"an idempotency key has one payload and one effect", "two effects", duplicateLedgerLine("done", "500+success", ``, ``)},
	{"an idempotency key has one payload and one effect", "two payloads", duplicateLedgerLine("asked", "500+success", `"body":"`, `"body":"0`)},
	{"an idempotency key has one payload and one effect", "late", editDatabase(`UPDATE keyseat_tasks SET ended_at = created_at - 1`)},
	{"what has ended keeps no secret", "sealed", editDatabase(`UPDATE keyseat_tasks SET sealed = x'00'`)},
	{"what has ended keeps no secret", "in a note", editDatabase(`UPDATE keyseat_history SET note = '` + passwordMark + `'`)},
	{"what has ended keeps no secret", "in a message", editDatabase(`UPDATE keyseat_keys SET message = 'x` + loginMark + `'`)},
	{"info shows what was accepted", "not yet", showEarlierInfo},
	{"stock was true at some instant of the call", "never", editJournal(func(n *journalEntry) { n.Body = strings.Replace(n.Body, `"slots":5`, `"slots":9`, 1) })},
	{"stock was true at some instant of the call", "long ago", showOldStock},
	{"no lease is left", "one", editDatabase(`UPDATE keyseat_tasks SET worker = 'w', leased_until = 1`)},
}

// TestCheckerFindsFaults checks each promise with the records of a run without faults. Then it falsifies one record,
// and the checker must find the fault.
func TestCheckerFindsFaults(t *testing.T) {
	t.Parallel()
	from := recordSmallRun(harness.NewSQLiteShop(t))
	if err := from.mustRead(t).check(); err != nil {
		t.Fatalf("before anything was tampered with: %v", err)
	}
	controlled := map[string]bool{}
	for _, c := range seededFaults {
		controlled[c.promise] = true
		t.Run(c.promise+"/"+c.how, func(t *testing.T) {
			copied := &seededFault{t, from.copyTo(t)}
			c.do(copied)
			for _, alone := range []bool{false, true} {
				e := copied.mustRead(t)
				e.lostWithPrimary = alone
				if err := e.check(); err == nil || !strings.Contains(err.Error(), "not so: "+c.promise) {
					t.Errorf("nothing of that was found, alone %v, but %v", alone, err)
				}
			}
		})
	}
	for _, p := range promises {
		if !controlled[p.name] {
			t.Errorf("without a control: %s", p.name)
		}
	}
}

// recordSmallRun records a small run. One key is used, renewed and used again. The first upgrade of a second key fails.
// For the upgrade of a third key, no slot is in stock. One request has no recorded answer.
func recordSmallRun(s *harness.Shop) sources {
	s.Helper()
	l := newEmptyLoad(s, 0)
	s.AddKeys("A", "B", "C", "D")
	s.ImportPlans("p,US,5,,", "q,FR,5,,")
	d := s.Serve()
	recordInfo := func(code string) {
		d.WaitEnd(code)
		_, _ = l.call(d, journalEntry{Call: "info", Key: code}, "") // the journal has the answer
	}
	_, _ = l.call(d, journalEntry{Call: "stock"}, "")
	for i, step := range []struct {
		code, script, country string
		used                  bool
	}{
		{"A", "success", "US", false},
		{"A", "success", "US", true},
		{"A", "slow=1+success", "US", false},
		{"B", "wrong_address", "US", false},
		{"B", "success", "US", false},
		{"C", "success", "DE", false},
	} {
		recordInfo(step.code)
		l.submit(d, step.code, step.script+"@"+string(rune('0'+i))+loginMark, step.country, step.used)
		recordInfo(step.code)
	}
	n := l.begin(journalEntry{Call: "upgrade", Key: "D", Login: "500+success@D" + loginMark, Country: "US"})
	d.MustAccept(harness.Upgrade(n.Key, n.Login, n.Country))
	recordInfo("D")
	_, _ = l.call(d, journalEntry{Call: "stock"}, "")
	d.Stop()
	return l.sources
}

func (w sources) mustRead(t *testing.T) *evidence {
	t.Helper()
	e, err := w.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// copyTo copies the sources into a new folder.
func (w sources) copyTo(t *testing.T) sources {
	t.Helper()
	folder := t.TempDir()
	to := func(path string) string {
		content, err := os.ReadFile(path)
		copied := filepath.Join(folder, filepath.Base(path))
		if err == nil {
			err = os.WriteFile(copied, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return copied
	}
	return sources{to(w.journal), to(w.ledger), "sqlite:" + to(strings.TrimPrefix(w.database, "sqlite:"))}
}

// A seededFault is a copy of the sources, of which one is falsified.
type seededFault struct {
	*testing.T
	sources
}

// editDatabase returns a change of the database that its constraints would reject.
func editDatabase(statement string) func(*seededFault) {
	return func(c *seededFault) {
		db, err := sql.Open("sqlite", strings.TrimPrefix(c.database, "sqlite:")+"?_pragma=ignore_check_constraints(1)")
		if err != nil {
			c.Fatal(err)
		}
		defer func() { _ = db.Close() }() // ExecContext returns the error
		for _, text := range []string{`DROP INDEX keyseat_tasks_open`, statement} {
			if _, err := db.ExecContext(c.Context(), text); err != nil {
				c.Fatal(err)
			}
		}
	}
}

// duplicateEvent returns a change that records a history entry twice.
func duplicateEvent(where string) func(*seededFault) {
	return editDatabase(`INSERT INTO keyseat_history SELECT NULL, code, change_id || 'x', n, at, cause, task_id, kind, outcome,
		plan_id, slot_from, slot_to, note, fresh FROM keyseat_history WHERE ` + where)
}

// rewriteLines replaces each line of a file with the lines that change returns.
func (c *seededFault) rewriteLines(path string, change func(line string) (lines []string)) {
	content, err := os.ReadFile(path)
	if err != nil {
		c.Fatal(err)
	}
	var out bytes.Buffer
	for line := range strings.Lines(string(content)) {
		for _, l := range change(line) {
			out.WriteString(l)
		}
	}
	if out.String() == string(content) {
		c.Fatal("nothing was tampered with")
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		c.Fatal(err)
	}
}

func editLedger(what, by string) func(*seededFault) {
	return func(c *seededFault) {
		c.rewriteLines(c.ledger, func(line string) []string { return []string{strings.ReplaceAll(line, what, by)} })
	}
}

// duplicateLedgerLine returns a change that copies the first line of the ledger with a kind and a login.
func duplicateLedgerLine(kind, login, what, by string) func(*seededFault) {
	return func(c *seededFault) {
		done := false
		c.rewriteLines(c.ledger, func(line string) []string {
			if done || !strings.Contains(line, `"`+kind+`":`) || !strings.Contains(line, `"login":"`+login) {
				return []string{line}
			}
			done = true
			return []string{line, strings.Replace(line, what, by, 1)}
		})
	}
}

func editJournal(change func(*journalEntry)) func(*seededFault) {
	return func(c *seededFault) {
		c.rewriteLines(c.journal, func(line string) []string {
			var n journalEntry
			if err := json.Unmarshal([]byte(line), &n); err != nil {
				c.Fatal(err)
			}
			change(&n)
			changed, err := json.Marshal(n)
			if err != nil {
				c.Fatal(err)
			}
			return []string{string(changed) + "\n"}
		})
	}
}

// showEarlierInfo replaces the first info that shows a key as used with an earlier one.
func showEarlierInfo(c *seededFault) {
	active, used := "", false
	editJournal(func(n *journalEntry) {
		switch {
		case active == "" && strings.Contains(n.Body, `"status":"active"`):
			active = n.Body
		case !used && strings.Contains(n.Body, `"used":1`):
			used, n.Body = true, active
		}
	})(c)
}

// showOldStock makes the last answer to stock an answer of a minute before.
func showOldStock(c *seededFault) {
	calls, first := []int64(nil), ""
	editJournal(func(n *journalEntry) {
		switch {
		case n.Call == "stock":
			calls = append(calls, n.N)
		case strings.Contains(n.Body, `"slots"`) && first == "":
			first = n.Body
			return
		case !strings.Contains(n.Body, `"slots"`):
			return
		default:
			n.Body = first
		}
		if len(calls) == 2 {
			n.At += 60_000_000
		}
	})(c)
}
