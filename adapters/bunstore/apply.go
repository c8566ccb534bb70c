package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Apply implements [tasks.Store] in the session's transaction. It locks in one order, so that no two
// calls wait for each other: keys, tasks, countries, each by their codes.
func (s session) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	errs, err := s.apply(ctx, changes)
	return errs, s.tell("apply", err)
}

func (s session) apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	l, err := s.lock(ctx, changes)
	if err != nil {
		return nil, err
	}
	if err := s.load(ctx, &l, changes); err != nil {
		return nil, err
	}
	errs := make([]error, len(changes))
	for i, c := range changes {
		errs[i] = l.enter(c)
	}
	if err := s.recall(ctx, changes, errs); err != nil {
		return nil, err
	}
	return errs, s.write(ctx, &l)
}

// lock locks what the changes are about, and reads how it stands. The three queries run one after the
// other, because UNION ALL reads its arms in order.
func (s session) lock(ctx context.Context, changes []tasks.Change) (ledger, error) {
	about, in := subjects(changes)
	l := newLedger()
	err := s.query(ctx, `
		WITH @about, @country,
		k AS MATERIALIZED (
			SELECT k.code, k.version FROM keyseat_keys k
			WHERE k.code IN (SELECT code FROM about) ORDER BY k.code FOR UPDATE OF k),
		t AS MATERIALIZED (
			SELECT t.code, t.id, t.version, t.fence, t.ended_at FROM about
			JOIN keyseat_tasks t ON t.code = about.code AND (t.id = about.id OR t.ended_at IS NULL)
			ORDER BY t.code, t.id FOR UPDATE OF t),
		c AS MATERIALIZED (
			SELECT c.code FROM keyseat_countries c
			WHERE c.code IN (SELECT code FROM country) ORDER BY c.code FOR UPDATE OF c)
		SELECT 'key', code, '', version, CAST(0 AS bigint), CAST(NULL AS timestamptz) FROM k
		UNION ALL SELECT 'task', code, id, version, fence, ended_at FROM t
		UNION ALL SELECT 'country', code, '', 0, 0, NULL FROM c`,
		args{"about": about, "country": in}, func(r row) error {
			var what, code, id string
			var now standing
			err := r.scan([]field{
				text[string]{&what},
				text[string]{&code},
				text[string]{&id},
				whole[int64]{&now.version},
				whole[int64]{&now.fence},
				moment{&now.ended},
			})
			l.found(what, code, id, now)
			return err
		})
	return l, err
}

// subjects are the keys and tasks of changes, and the countries whose plans they change.
func subjects(changes []tasks.Change) (about, in batch) {
	about, in = batch{columns: "code text, id text"}, batch{columns: "code text"}
	for _, c := range changes {
		id := ""
		if c.Task != nil {
			id = c.Task.ID
		}
		about.add(string(c.Code()), id)
		if c.Move != nil {
			in.add(string(c.Move.Country))
		}
		if c.Claim != nil {
			in.add(string(c.Claim.Country))
		}
	}
	return about, in
}

// load reads the plans that the changes may need. It is a statement of its own, because one that has
// waited for a lock still sees what was there before it waited.
func (s session) load(ctx context.Context, l *ledger, changes []tasks.Change) error {
	moved, wanted, most := l.needs(changes)
	if len(moved.rows)+len(wanted.rows) == 0 {
		return nil
	}
	at, plans := time.Time{}, map[string]stock.Plan{}
	err := s.query(ctx, `
		WITH @moved, @wanted
		SELECT @now, `+planTable.columns.list("p.%")+` FROM moved
		JOIN keyseat_plans p ON p.id = moved.id AND p.country = moved.country
		UNION ALL
		SELECT @now, `+planTable.columns.list("p.%")+` FROM wanted CROSS JOIN `+s.oldest(claimable),
		args{"moved": moved, "wanted": wanted, "most": most}, func(r row) error {
			var p stock.Plan
			err := r.scan([]field{moment{&at}}, planTable.fields(&p))
			plans[p.ID] = p
			return err
		})
	l.open(at, plans)
	return err
}

// recall makes the refusals of changes that are known already their first answer: nil.
func (s session) recall(ctx context.Context, changes []tasks.Change, errs []error) error {
	refused := batch{columns: "code text, id text, i bigint"}
	for i, c := range changes {
		if errs[i] != nil {
			refused.add(string(c.Code()), c.ID, int64(i))
		}
	}
	if len(refused.rows) == 0 {
		return nil
	}
	return s.query(ctx, `
		WITH @refused
		SELECT refused.i FROM refused
		WHERE EXISTS (SELECT 1 FROM keyseat_history h WHERE h.code = refused.code AND h.change_id = refused.id)`,
		args{"refused": refused}, func(r row) error {
			var i int
			err := r.scan([]field{whole[int]{&i}})
			errs[i] = nil
			return err
		})
}

// A taskName is a task's primary key.
type taskName struct {
	code keys.Code
	id   string
}
