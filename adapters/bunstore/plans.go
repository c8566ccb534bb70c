package bunstore

import (
	"context"
	"errors"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

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
	if !s.isSQLite { // an import of plans has no time limit
		if _, err := s.exec(ctx, `SELECT set_config('statement_timeout', '0', true)`, nil); err != nil {
			return err
		}
	}
	want := query.Rows{Columns: "id text"}
	for _, e := range edits {
		want.Add(e.ID)
	}
	before, err := s.readPlans(ctx, want, "")
	if err != nil {
		return err
	}
	if err := s.lockCountries(ctx, before, edits); err != nil {
		return err
	}
	plans, err := s.readPlans(ctx, want, s.forUpdate("p"))
	if err != nil {
		return err
	}
	for id, p := range plans {
		if before[id].Country != p.Country { // the new country of the plan is not locked
			return dberr.ErrRetry
		}
	}
	changed, fresh, err := applyEdits(plans, edits)
	if err != nil {
		return err
	}
	return s.writePlans(ctx, changed, fresh)
}

// readPlans reads the wanted plans, by their ids. The argument lock is "" or the SQL that locks their rows.
func (s session) readPlans(ctx context.Context, want query.Rows, lock string) (map[string]stock.Plan, error) {
	plans := map[string]stock.Plan{}
	err := s.runOnce(ctx, `
		WITH @want
		SELECT `+planTable.Columns.List("p.%")+` FROM keyseat_plans p
		WHERE p.id IN (SELECT id FROM want) ORDER BY p.seq `+lock, query.Args{"want": want}, func(r query.Row) error {
		var p stock.Plan
		err := r.Scan(planTable.Fields(&p))
		plans[p.ID] = p
		return err
	})
	return plans, err
}

// lockCountries locks the present countries of the plans and the countries that edits move plans to. It
// adds new countries to the table.
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
	return s.runOnce(ctx, `
		WITH @country
		SELECT c.code FROM keyseat_countries c WHERE c.code IN (SELECT code FROM country)
		ORDER BY c.code`+s.forUpdate("c"), query.Args{"country": in}, func(query.Row) error { return nil })
}

// applyEdits applies edits to plans, in order. It returns the changed plans and the new plans, each in the order
// of their first edit. A refused edit returns an [adminstore.RowError].
func applyEdits(plans map[string]stock.Plan, edits []stock.PlanEdit) (changed, fresh []stock.Plan, err error) {
	var order []string
	touched := map[string]bool{}
	for i, e := range edits {
		p, err := e.Apply(plans[e.ID])
		if err != nil {
			return nil, nil, adminstore.RowError{Row: i + 1, Err: err}
		}
		plans[e.ID] = p
		if !touched[e.ID] {
			touched[e.ID], order = true, append(order, e.ID)
		}
	}
	for _, id := range order {
		if p := plans[id]; p.Seq > 0 {
			changed = append(changed, p)
		} else {
			fresh = append(fresh, p)
		}
	}
	return changed, fresh, nil
}

// writePlans writes changed plans and inserts new plans. New plans get sequence numbers in the order of fresh.
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

// availableSQL is the condition that a plan p is in stock at @now.
const availableSQL = `(NOT p.retired AND p.fault = '' AND (p.expires_at IS NULL OR p.expires_at > @now))`

// Stock implements [tasks.Store].
func (s *Store) Stock(ctx context.Context) (all []stock.Level, err error) {
	err = s.retryRead(ctx, pgxconn.Scans, func(run query.Runner) error {
		all, err = readLevels(ctx, run)
		return err
	})
	return all, s.wrap("stock", err)
}

// Stock implements [tasks.Store].
func (s session) Stock(ctx context.Context) ([]stock.Level, error) {
	levels, err := readLevels(ctx, s.runCached)
	return levels, s.wrap("stock", err)
}

const freeSlotsSQL = `p.size - p.held - p.spent - p.suspect`

const levelsSQL = `
	SELECT p.country, CAST(sum(p.size) AS bigint),
		CAST(sum(CASE WHEN ` + availableSQL + ` THEN ` + freeSlotsSQL + ` ELSE 0 END) AS bigint),
		CAST(sum(p.held) AS bigint), CAST(sum(p.spent) AS bigint), CAST(sum(p.suspect) AS bigint),
		CAST(sum(CASE WHEN ` + availableSQL + ` THEN 0 ELSE ` + freeSlotsSQL + ` END) AS bigint)
	FROM keyseat_plans p
	GROUP BY p.country
	ORDER BY p.country`

func readLevels(ctx context.Context, run query.Runner) (all []stock.Level, err error) {
	err = run(ctx, query.Query{SQL: levelsSQL, Scan: func(r query.Row) error {
		var l stock.Level
		err := r.Scan([]query.Column{
			query.Text(&l.Country),
			query.Int(&l.Size),
			query.Int(&l.Free),
			query.Int(&l.Held),
			query.Int(&l.Spent),
			query.Int(&l.Suspect),
			query.Int(&l.Idle),
		})
		all = append(all, l)
		return err
	}})
	return all, err
}
