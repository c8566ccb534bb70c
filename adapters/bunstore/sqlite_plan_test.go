package bunstore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// TestSQLiteReadsNoWholeTable checks the programs into which SQLite compiles the frequent statements. None may read a table
// from its beginning, without an index. The programs do not depend on the rows, because SQLite has no statistics here.
func TestSQLiteReadsNoWholeTable(t *testing.T) {
	inLabs(t, func(l *lab) {
		p := planner{l.T, l.frail, l.db}
		p.must(l.plain.EditPlans(l.life, []stock.PlanEdit{stock.NewPlanEdit("p", "US", 9)}))
		p.issue("first", "K1", "K2")
		p.must(l.plain.Subscribe(l.life, []string{"s"}, time.Minute))
		l.sent = nil
		p.find("K1")
		p.accept("K1")
		ref := p.lease()
		p.extend(ref)
		p.settle("K1")
		p.deliver()
		statements := slices.Compact(slices.Sorted(slices.Values(l.sent)))
		if len(statements) < 14 {
			l.Errorf("only %d statements: %q", len(statements), statements)
		}
		for _, text := range statements {
			if table := p.wholeTable(text); table != "" {
				l.Errorf("it reads all of %s:\n%s", table, text)
			}
		}
		if table := p.wholeTable("SELECT address FROM keyseat_plans WHERE invite = 'i'"); table != "keyseat_plans" {
			l.Errorf("it does not recognize that a statement reads a whole table, but says %q", table)
		}
	}, "sqlite")
}

// settle ends the leased task of a key with a success.
func (p planner) settle(code keys.Code) {
	p.Helper()
	attempt := tasks.Attempt{Result: tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}}
	errs, err := p.store.Apply(p.Context(), []tasks.Change{tasks.DefaultRules().Settle(p.view(code), attempt, "settle", false)})
	p.must(err)
	p.must(errs[0])
}

// deliver routes the events, and delivers those of one key to the subscriber.
func (p planner) deliver() {
	p.Helper()
	_, err := p.store.Route(p.Context(), []tasks.EventType{tasks.EventEnded}, 9)
	p.must(err)
	queued, err := p.store.LeaseDeliveries(p.Context(), "s", "lease", 9, time.Minute)
	p.must(err)
	if len(queued) != 1 {
		p.Fatalf("leased %d deliveries", len(queued))
	}
	queued[0].DeliveredSeq = queued[0].LastSeq
	p.must(p.store.CompleteDelivery(p.Context(), queued[0], &outbox.Delivery{At: queued[0].At, Subscriber: "s", Event: "e", Result: outbox.Delivered}))
}

// wholeTable returns a table that a statement reads from its beginning or its end, or "". Tables with few rows do not count.
func (p planner) wholeTable(text string) (name string) {
	p.Helper()
	opened := map[int]int{} // the root page of the table or index of each cursor
	for _, step := range p.program(text) {
		switch step.opcode {
		case "OpenRead", "OpenWrite":
			opened[step.p1] = step.p2
		case "Rewind", "Last":
			p.must(p.db.QueryRowContext(p.Context(), `SELECT coalesce(max(name), '') FROM sqlite_schema
				WHERE type = 'table' AND rootpage = ? AND name NOT IN ('keyseat_countries', 'keyseat_listeners', 'sqlite_sequence')`, opened[step.p1]).Scan(&name))
			if name != "" {
				return name
			}
		}
	}
	return ""
}

// A step is an instruction of a program of SQLite, with the first two operands.
type step struct {
	opcode string
	p1, p2 int
}

// program returns the program of a statement, or nothing for the start and the end of a transaction.
func (p planner) program(text string) (steps []step) {
	p.Helper()
	if !strings.Contains(text, "keyseat_") {
		return nil
	}
	rows, err := p.db.QueryContext(p.Context(), "EXPLAIN "+text, make([]any, countParameters(text))...)
	p.must(err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s step
		var unused any
		p.must(rows.Scan(&unused, &s.opcode, &s.p1, &s.p2, &unused, &unused, &unused, &unused))
		steps = append(steps, s)
	}
	p.must(rows.Err())
	return steps
}
