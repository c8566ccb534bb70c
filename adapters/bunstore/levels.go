package bunstore

import (
	"context"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/audit"
)

// The row of a country has the sums of its plans. Triggers keep them: see the migration country_sums. Expiry needs no
// write, because the sum of the free slots is as of the time counted_at:
//
//	free now  =  free at counted_at  -  free slots of the plans that expire between counted_at and now
//
// The index keyseat_plans_expiry has these plans. [Store.DeductExpired] sets counted_at to now, so that they stay few.

// inStockSQL is the condition that a plan p is in stock if it has not expired.
const inStockSQL = `NOT p.retired AND p.fault = ''`

// freeSlotsSQL is the number of free slots of a plan p.
const freeSlotsSQL = `(p.size - p.held - p.spent - p.suspect)`

// expiredSQL is the number to subtract from the free slots of a country c. It is exact also if counted_at is after
// @now, because the clock was set back: then the plans between both are added.
const expiredSQL = `CAST(coalesce((
		SELECT sum(CASE WHEN p.expires_at > c.counted_at THEN ` + freeSlotsSQL + ` ELSE -` + freeSlotsSQL + ` END)
		FROM keyseat_plans p
		WHERE p.country = c.code AND ` + inStockSQL + `
			AND p.expires_at > least(c.counted_at, @now) AND p.expires_at <= greatest(c.counted_at, @now)), 0) AS bigint)`

const levelsSQL = `
	SELECT c.code, c.size, c.free, c.held, c.spent, c.suspect, ` + expiredSQL + `
	FROM keyseat_countries c WHERE c.plans > 0 ORDER BY c.code`

// sqliteLeast replaces the functions least and greatest, which SQLite calls min and max.
var sqliteLeast = strings.NewReplacer("least(", "min(", "greatest(", "max(")

var levelsSQLite = sqliteLeast.Replace(levelsSQL)

// Stock implements [tasks.Store].
func (s *Store) Stock(ctx context.Context) (all []stock.Level, err error) {
	err = s.retryRead(ctx, pgxconn.Statements, func(run query.Runner) error {
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

func readLevels(ctx context.Context, run query.Runner) (all []stock.Level, err error) {
	err = run(ctx, query.Query{SQL: levelsSQL, SQLite: levelsSQLite, Scan: func(r query.Row) error {
		var l stock.Level
		var expired int
		err := r.Scan([]query.Column{
			query.Text(&l.Country),
			query.Int(&l.Size),
			query.Int(&l.Free),
			query.Int(&l.Held),
			query.Int(&l.Spent),
			query.Int(&l.Suspect),
			query.Int(&expired),
		})
		l.Free -= expired
		l.Idle = l.Size - l.Free - l.Held - l.Spent - l.Suspect
		all = append(all, l)
		return err
	}})
	return all, err
}

// DeductExpired subtracts the free slots of plans that have expired from the stored sums of their countries. It changes
// no result of [Store.Stock]. But Stock reads each plan that has expired since the last call, so a daemon calls
// DeductExpired every minute. It writes nothing if no plan has expired.
func (s *Store) DeductExpired(ctx context.Context) error {
	in := query.Rows{Columns: "code text"}
	err := s.reader().runOnce(ctx, `
		SELECT c.code FROM keyseat_countries c
		WHERE EXISTS (
			SELECT 1 FROM keyseat_plans p
			WHERE p.country = c.code AND `+inStockSQL+` AND p.expires_at > c.counted_at AND p.expires_at <= @now)`,
		nil, query.Each(query.Text[string], func(code string) { in.Add(code) }))
	if err == nil && len(in.Values) > 0 {
		err = s.transact(ctx, func(tx session) error { return tx.deductExpired(ctx, in) })
	}
	return s.wrap("deduct expired plans", err)
}

// deductExpired locks the countries. Then no other transaction changes their plans, and the next statement sees all
// earlier changes.
func (s session) deductExpired(ctx context.Context, in query.Rows) error {
	if err := s.lockCountryRows(ctx, in); err != nil {
		return err
	}
	const deduct = `WITH @country UPDATE keyseat_countries AS c SET free = c.free - ` + expiredSQL + `, counted_at = @now
		WHERE c.code IN (SELECT code FROM country)`
	_, err := s.exec(ctx, s.either(deduct, sqliteLeast.Replace(deduct)), query.Args{"country": in})
	return err
}

// countedSQL counts the plans of each country c as its stored sums do.
const countedSQL = `
	SELECT c.code, count(p.id) AS plans, coalesce(sum(p.size), 0) AS size,
		coalesce(sum(CASE WHEN ` + inStockSQL + ` AND (p.expires_at IS NULL OR p.expires_at > c.counted_at) THEN ` + freeSlotsSQL + ` ELSE 0 END), 0) AS free,
		coalesce(sum(p.held), 0) AS held, coalesce(sum(p.spent), 0) AS spent, coalesce(sum(p.suspect), 0) AS suspect
	FROM keyseat_countries c LEFT JOIN keyseat_plans p ON p.country = c.code
	GROUP BY c.code`

// LevelAudits implements [audit.Inspector].
func (s *Store) LevelAudits(ctx context.Context) (all []audit.LevelAudit, err error) {
	err = s.retryRead(ctx, pgxconn.Scans, func(run query.Runner) error {
		all = nil
		return run(ctx, query.Query{SQL: `
			SELECT c.code, c.plans, c.size, c.free, c.held, c.spent, c.suspect, d.plans, CAST(d.size AS bigint),
				CAST(d.free AS bigint), CAST(d.held AS bigint), CAST(d.spent AS bigint), CAST(d.suspect AS bigint)
			FROM keyseat_countries c JOIN (` + countedSQL + `) d ON d.code = c.code ORDER BY c.code`, Scan: func(r query.Row) error {
			var one audit.LevelAudit
			err := r.Scan([]query.Column{query.Text(&one.Country)}, sumColumns(&one.Stored), sumColumns(&one.Counted))
			all = append(all, one)
			return err
		}})
	})
	return all, s.wrap("audit sums", err)
}

// sumColumns returns the columns of sums, in the order of [countedSQL].
func sumColumns(of *audit.LevelSums) []query.Column {
	return []query.Column{
		query.Int(&of.Plans), query.Int(&of.Size), query.Int(&of.Free), query.Int(&of.Held), query.Int(&of.Spent), query.Int(&of.Suspect),
	}
}

// FixLevel implements [audit.Inspector].
func (s *Store) FixLevel(ctx context.Context, country stock.Country) error {
	return s.wrap("fix sums", s.transact(ctx, func(tx session) error {
		in := query.Rows{Columns: "code text", Values: [][]any{{string(country)}}}
		if err := tx.lockCountryRows(ctx, in); err != nil {
			return err
		}
		_, err := tx.exec(ctx, `
			UPDATE keyseat_countries AS x SET plans = d.plans, size = d.size, free = d.free, held = d.held, spent = d.spent, suspect = d.suspect
			FROM (`+countedSQL+` HAVING c.code = @country) d WHERE x.code = d.code`, query.Args{"country": string(country)})
		return err
	}))
}
