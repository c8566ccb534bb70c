package bunstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/audit"
)

var _ audit.Inspector = (*Store)(nil)

// Records implements [audit.Inspector].
func (s *Store) Records(ctx context.Context, after keys.Code, n int) (records []audit.Record, err error) {
	if n <= 0 {
		return nil, nil
	}
	err = s.snapshot(ctx, func(tx session) error {
		codes, err := tx.codes(ctx, after, n)
		if err != nil || len(codes) == 0 {
			return err
		}
		records, err = tx.records(ctx, codes)
		return err
	})
	return records, s.wrap("inspect", err)
}

// Record implements [audit.Inspector].
func (s *Store) Record(ctx context.Context, code keys.Code) (record audit.Record, err error) {
	err = s.snapshot(ctx, func(tx session) error {
		records, err := tx.records(ctx, []keys.Code{code})
		if err == nil {
			record = records[0]
		}
		return err
	})
	return record, s.wrap("inspect", err)
}

// snapshot calls do in a read-only transaction whose statements all see the data as of one moment. In a distributed
// store they may not, because the servers share no snapshot.
func (s *Store) snapshot(ctx context.Context, do func(tx session) error) error {
	one := &sql.TxOptions{ReadOnly: true} // on SQLite every transaction sees the data as of one moment
	if !s.isSQLite {
		one.Isolation = sql.LevelRepeatableRead
	}
	tx, err := s.read.DB.BeginTx(ctx, one)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // a read-only transaction has nothing to commit
	return do(s.session(tx))
}

// codes returns the first n codes after the given code that have a key, a task or a history entry. Each table
// yields its own first n codes by its primary key.
func (s session) codes(ctx context.Context, after keys.Code, n int) (codes []keys.Code, err error) {
	var firsts []string
	for _, table := range []string{keyTable.Name, taskTable.Name, historyTable.Name} {
		firsts = append(firsts, `SELECT code FROM (
			SELECT DISTINCT code FROM `+table+` WHERE code > @after ORDER BY code LIMIT @n) AS `+table+`_first`)
	}
	err = s.runOnce(ctx, `SELECT code FROM (`+strings.Join(firsts, " UNION ")+`) AS firsts ORDER BY code LIMIT @n`,
		query.Args{"after": string(after), "n": n}, query.Append(&codes))
	return codes, err
}

func (s session) records(ctx context.Context, codes []keys.Code) ([]audit.Record, error) {
	now, err := readTime(ctx, s.runCached)
	if err != nil {
		return nil, err
	}
	found, err := s.Find(ctx, codes)
	if err != nil {
		return nil, err
	}
	records := make([]audit.Record, len(codes))
	want, at := query.Rows{Columns: "code text"}, map[keys.Code]*audit.Record{}
	for i, code := range codes {
		want.Add(string(code))
		records[i] = audit.Record{At: now, Code: code, Key: found[i]}
		at[code] = &records[i]
	}
	if err := s.tasksOf(ctx, want, at); err != nil {
		return nil, err
	}
	return records, s.eventsOf(ctx, codes, at)
}

func (s session) tasksOf(ctx context.Context, want query.Rows, at map[keys.Code]*audit.Record) error {
	args, reader := query.Args{"want": want, "codes": want.Texts("code")}, query.NewReader[tasks.Task]()
	return s.runOnce(ctx, `
		WITH @want SELECT `+taskTable.Columns.List("t.%")+` FROM want
		JOIN keyseat_tasks t ON t.code = want.code `+s.whereCodes("t")+` ORDER BY t.created_at, t.id`, args, func(r query.Row) error {
		t, err := reader.Read(r)
		switch one := at[t.Code]; { // t has its code and id even if Read could not read a later column
		case err == nil:
			one.Tasks = append(one.Tasks, t)
		case one != nil && t.ID != "":
			one.Unreadable = append(one.Unreadable, t.ID)
		default:
			return err
		}
		return nil
	})
}

func (s session) eventsOf(ctx context.Context, codes []keys.Code, at map[keys.Code]*audit.Record) error {
	var rows []historyModel
	q := s.selectInto(&rows)
	q.WhereIn("h.code", codeTexts(codes))
	err := q.OrderExpr("h.seq").Scan(ctx)
	for _, h := range rows {
		at[h.Code].Events = append(at[h.Code].Events, tasks.Event(h.eventColumns))
	}
	return err
}

// PlanAudits implements [audit.Inspector].
func (s *Store) PlanAudits(ctx context.Context) (all []audit.PlanAudit, err error) {
	err = s.snapshot(ctx, func(tx session) error {
		found, err := tx.planAudits(ctx, "")
		all = slices.SortedFunc(maps.Values(found), func(x, y audit.PlanAudit) int { return cmp.Compare(x.Plan.ID, y.Plan.ID) })
		return err
	})
	return all, s.wrap("audit plans", err)
}

// planAudits returns the audit of the plan with the given id, or of all plans if id is "". The map is by plan id.
func (s session) planAudits(ctx context.Context, id string) (map[string]audit.PlanAudit, error) {
	now, err := readTime(ctx, s.runCached)
	if err != nil {
		return nil, err
	}
	var rows []planModel
	q := s.selectInto(&rows)
	if id != "" {
		q.Where("p.id = ?", q.Bind(id))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, err
	}
	all := map[string]audit.PlanAudit{}
	for _, p := range rows {
		all[p.ID] = audit.PlanAudit{At: now, Plan: stock.Plan(p.planColumns)}
	}
	return all, s.countSlots(ctx, id, now, all)
}

// countSlots counts the slots of each plan in the tasks and in the history. It adds the counts to the fields Tasks and
// Moves of the audits.
func (s session) countSlots(ctx context.Context, id string, at time.Time, all map[string]audit.PlanAudit) error {
	type row struct {
		Plan   string
		State  stock.State
		OfTask bool
		N      int
	}
	return s.runOnce(ctx, s.sqlOf("count slots"), query.Args{"id": id}, query.Each(func(r row) {
		sums, found := all[r.Plan]
		if !found {
			sums = audit.PlanAudit{At: at, Plan: stock.Plan{ID: r.Plan}}
		}
		if r.OfTask {
			sums.Tasks = sums.Tasks.Add(r.State, r.N)
		} else {
			sums.Moves = sums.Moves.Add(r.State, r.N)
		}
		all[r.Plan] = sums
	}))
}

// FixCounters implements [audit.Inspector].
func (s *Store) FixCounters(ctx context.Context, c audit.CounterFix) error {
	err := s.transact(ctx, func(tx session) error { return tx.fixCounters(ctx, c) })
	for _, refusal := range []error{tasks.ErrConflict, stock.ErrSlotState} {
		if errors.Is(err, refusal) {
			return err
		}
	}
	return s.wrap("fix counters", err)
}

// fixCounters locks the plan's country, counts its slots again, and writes the corrected counters. Under this
// lock no other transaction can transfer a slot of the plan.
func (s session) fixCounters(ctx context.Context, c audit.CounterFix) error {
	var held stock.Country
	err := s.runOnce(ctx, `
		SELECT c.code FROM keyseat_countries c
		WHERE c.code IN (SELECT country FROM keyseat_plans WHERE id = @id)`+s.forUpdate("c"),
		query.Args{"id": c.Event.Plan}, query.Into(&held))
	if err != nil {
		return err
	}
	found, err := s.planAudits(ctx, c.Event.Plan)
	if err != nil {
		return err
	}
	if p := found[c.Event.Plan].Plan; p.ID != "" && p.Country != held {
		return dberr.ErrRetry
	}
	plan, err := c.Apply(found[c.Event.Plan])
	if err != nil {
		return err
	}
	if err := s.writePlans(ctx, []stock.Plan{plan}, nil); err != nil {
		return err
	}
	return s.insertRouted(ctx, []tasks.HistoryEntry{{Change: c.ID, Event: c.Event}}) // the outbox does not route this event, because the event does not concern a key
}

// DeductExpired subtracts the free slots of plans that have expired from the stored sums of their countries.
// [Store.Stock] returns the same result without it, but more slowly, because Stock must read each plan that has expired
// since the last call of DeductExpired. A daemon calls DeductExpired every minute. It writes nothing if no plan has
// expired.
func (s *Store) DeductExpired(ctx context.Context) error {
	var countries []stock.Country
	err := s.reader().runOnce(ctx, s.sqlOf("expired"), nil, query.Append(&countries))
	if err == nil && len(countries) > 0 {
		err = s.changeSums(ctx, countries, "deduct")
	}
	return s.wrap("deduct expired plans", err)
}

// changeSums locks the countries and runs the statement of the given name, which changes their sums. Under the lock no
// other transaction changes the plans of the countries, and the statement sees all earlier changes.
func (s *Store) changeSums(ctx context.Context, countries []stock.Country, name string) error {
	in := query.TextRows("code", countries)
	return s.transact(ctx, func(tx session) error {
		if err := tx.lockCountryRows(ctx, in); err != nil {
			return err
		}
		_, err := tx.exec(ctx, s.sqlOf(name), query.Args{"country": in})
		return err
	})
}

// LevelAudits implements [audit.Inspector].
func (s *Store) LevelAudits(ctx context.Context) (all []audit.LevelAudit, err error) {
	err = s.reader().retryRead(ctx, pgxconn.Scans, func(run query.Runner) error {
		all = nil
		return run(ctx, statement("audit levels", nil, query.Append(&all)))
	})
	return all, s.wrap("audit sums", err)
}

// FixLevel implements [audit.Inspector].
func (s *Store) FixLevel(ctx context.Context, country stock.Country) error {
	return s.wrap("fix sums", s.changeSums(ctx, []stock.Country{country}, "fix level"))
}
