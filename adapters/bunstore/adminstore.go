package bunstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// Task implements [adminstore.AdminStore].
func (s *Store) Task(ctx context.Context, id string) (tasks.Snapshot, error) {
	now, err := readTime(ctx, s.reader().runCached)
	var row taskModel
	q := s.reader().selectInto(&row)
	err = q.Err(err).Relation("Key").Limit(1).Where(`"key".code IS NOT NULL`).Where("t.id = ?", q.Bind(id)).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return tasks.Snapshot{}, nil
	case err != nil:
		return tasks.Snapshot{}, s.wrap("list", err)
	}
	task := tasks.Task(row.taskColumns)
	return tasks.Snapshot{At: now, Key: keys.Key(row.Key.keyColumns), Task: &task}, nil
}

// Batch implements [adminstore.AdminStore].
func (s *Store) Batch(ctx context.Context, id string) ([]keys.Key, error) {
	var rows []keyModel
	q := s.reader().selectInto(&rows)
	err := q.Where("k.batch_id = ?", q.Bind(id)).OrderExpr("k.code").Scan(ctx)
	return mapped(rows, func(k keyModel) keys.Key { return keys.Key(k.keyColumns) }), s.wrap("list a batch", err)
}

// Plans implements [adminstore.AdminStore].
func (s *Store) Plans(ctx context.Context, after int64, n int) ([]stock.Plan, error) {
	if n <= 0 {
		return nil, nil
	}
	var rows []planModel
	q := s.reader().selectInto(&rows)
	err := q.Where("p.seq > ?", q.Bind(int(after))).OrderExpr("p.seq").Limit(int64(n)).Scan(ctx)
	return mapped(rows, func(p planModel) stock.Plan { return stock.Plan(p.planColumns) }), s.wrap("list plans", err)
}

// PlansByID implements [adminstore.AdminStore].
func (s *Store) PlansByID(ctx context.Context, ids []string) ([]stock.Plan, error) {
	storable := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !query.ValidText(id) })
	plans, err := s.reader().readPlans(ctx, storable, false)
	found := slices.SortedFunc(maps.Values(plans), func(x, y stock.Plan) int { return cmp.Compare(x.Seq, y.Seq) })
	return found, s.wrap("find plans", err)
}

// History implements [adminstore.AdminStore].
func (s *Store) History(ctx context.Context, code keys.Code) ([]tasks.Event, error) {
	var rows []historyModel
	q := s.reader().selectInto(&rows)
	err := q.Where("h.code = ?", q.Bind(string(code))).OrderExpr("h.seq").Scan(ctx)
	return mapped(rows, func(h historyModel) tasks.Event { return tasks.Event(h.eventColumns) }), s.wrap("list history", err)
}

// EditPlans implements [adminstore.AdminStore].
func (s *Store) EditPlans(ctx context.Context, edits []stock.PlanEdit) error {
	if len(edits) == 0 {
		return nil
	}
	err := s.transact(ctx, func(tx session) error { return tx.editPlans(ctx, edits) })
	if fault, found := errors.AsType[adminstore.RowError](err); found {
		return fault
	}
	return s.wrap("edit plans", err)
}

func (s session) editPlans(ctx context.Context, edits []stock.PlanEdit) error {
	if !s.isSQLite { // no time limit for each statement, because the time limit of the transaction suffices
		if _, err := s.exec(ctx, `SELECT set_config('statement_timeout', '0', true)`, nil); err != nil {
			return err
		}
	}
	var ids query.TextArray
	for _, e := range edits {
		ids = append(ids, e.ID)
	}
	before, err := s.readPlans(ctx, ids, false)
	if err != nil {
		return err
	}
	if err := s.lockCountries(ctx, before, edits); err != nil {
		return err
	}
	plans, err := s.readPlans(ctx, ids, true)
	if err != nil {
		return err
	}
	for id, p := range plans {
		if before[id].Country != p.Country { // another transaction has moved or created the plan, so this transaction perhaps does not lock the plan's new country
			return dberr.ErrRetry
		}
	}
	changed, fresh, err := applyEdits(plans, edits)
	if err != nil {
		return err
	}
	return s.writePlans(ctx, changed, fresh)
}

// readPlans reads the plans with the given ids. If lock is true, it locks their rows.
func (s session) readPlans(ctx context.Context, ids query.TextArray, lock bool) (map[string]stock.Plan, error) {
	var rows []planModel
	q := s.selectInto(&rows)
	q.WhereIn("p.id", ids)
	if lock && !s.isSQLite {
		q.For("UPDATE OF p")
	}
	err := q.OrderExpr("p.seq").Scan(ctx)
	plans := map[string]stock.Plan{}
	for _, p := range rows {
		plans[p.ID] = stock.Plan(p.planColumns)
	}
	return plans, err
}

// lockCountries locks the present countries of the plans and the countries that edits move plans to. It adds new
// countries to the table keyseat_countries.
func (s session) lockCountries(ctx context.Context, plans map[string]stock.Plan, edits []stock.PlanEdit) error {
	in := query.Rows{Columns: "code text"}
	for _, p := range plans {
		in.Add(string(p.Country))
	}
	for _, e := range edits {
		if e.Country != nil {
			in.Add(string(*e.Country))
		}
	}
	if _, err := s.exec(ctx, `
		WITH @country
		INSERT INTO keyseat_countries (code) SELECT DISTINCT code FROM country WHERE true ORDER BY code
		ON CONFLICT DO NOTHING`, query.Args{"country": in}); err != nil {
		return err
	}
	return s.lockCountryRows(ctx, in)
}

func (s session) lockCountryRows(ctx context.Context, in query.Rows) error {
	return s.runOnce(ctx, `
		WITH @country
		SELECT c.code FROM keyseat_countries c WHERE c.code IN (SELECT code FROM country)
		ORDER BY c.code`+s.forUpdate("c"), query.Args{"country": in}, query.Discard)
}

// applyEdits applies edits to plans, in order. It returns the changed plans and the new plans, each in the order
// of their first edit. A refused edit returns an [adminstore.RowError].
func applyEdits(plans map[string]stock.Plan, edits []stock.PlanEdit) (changed, fresh []stock.Plan, err error) {
	var edited rowList[string, stock.Plan]
	for i, e := range edits {
		p, err := e.Apply(plans[e.ID])
		if err != nil {
			return nil, nil, adminstore.RowError{Row: i + 1, Err: err}
		}
		plans[e.ID] = p
		edited.put(e.ID, p)
	}
	for _, p := range edited.rows {
		if p.Seq > 0 {
			changed = append(changed, p)
		} else {
			fresh = append(fresh, p)
		}
	}
	return changed, fresh, nil
}

// writePlans writes changed plans and inserts new plans. The database numbers new plans (Seq) in their order.
func (s session) writePlans(ctx context.Context, changed, fresh []stock.Plan) error {
	if len(changed) > 0 {
		if _, err := s.exec(ctx, `WITH @p `+updatePlansSQLite, query.Args{"p": planTable.Rows(changed)}); err != nil {
			return err
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	_, err := s.exec(ctx, `WITH @p `+insertSQL(planTable, "p"), query.Args{"p": planTable.Rows(fresh)})
	return err
}
