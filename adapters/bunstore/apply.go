package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Apply implements [tasks.Store] in the session's transaction. It always locks keys, then tasks, then
// countries, each in the order of their codes. Therefore two calls never wait for each other.
func (s session) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	errs, err := s.apply(ctx, changes)
	return errs, s.tell("apply", err)
}

func (s session) apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	l, errs, err := decide(ctx, s.ask, changes, s.sharded())
	if err != nil {
		return nil, err
	}
	return errs, s.write(ctx, &l)
}

// decide locks the rows of the changes and checks each change. It returns a ledger of the changes that
// can be made, which the caller must write, and one error per change. The plans to read do not depend on
// the locked rows, so both queries go in one round trip.
func decide(ctx context.Context, ask asker, changes []tasks.Change, sharded bool) (ledger, []error, error) {
	l := newLedger()
	at, plans := time.Time{}, map[string]stock.Plan{}
	first := []question{lock(&l, changes)}
	if sharded {
		first = look(&l, changes)
	}
	if load, needed := load(&at, plans, changes); needed {
		first = append(first, load)
	}
	if err := ask(ctx, first...); err != nil {
		return l, nil, err
	}
	l.open(at, plans)
	errs := make([]error, len(changes))
	for i, c := range changes {
		errs[i] = l.enter(c)
	}
	return l, errs, recall(ctx, ask, changes, errs, sharded)
}

// lockText locks keys, then tasks, then countries, because UNION ALL reads its arms in order. It tests
// every task of a key with CASE, because a key has few tasks. With OR instead of CASE, Postgres may read
// every open task of the table.
const lockText = `
	WITH @about, @country,
	k AS MATERIALIZED (
		SELECT k.code, k.version FROM (SELECT code FROM about GROUP BY code ORDER BY code) a
		JOIN LATERAL (SELECT * FROM keyseat_keys k WHERE k.code = a.code FOR UPDATE) k ON true),
	t AS MATERIALIZED (
		SELECT t.code, t.id, t.version, t.fence, t.ended_at FROM (SELECT code, id FROM about GROUP BY code, id ORDER BY code, id) a
		JOIN LATERAL (SELECT * FROM keyseat_tasks t WHERE t.code = a.code AND CASE WHEN t.ended_at IS NULL THEN true ELSE t.id = a.id END FOR UPDATE) t ON true),
	c AS MATERIALIZED (
		SELECT c.code FROM keyseat_countries c
		WHERE c.code IN (SELECT code FROM country) ORDER BY c.code FOR UPDATE OF c)
	SELECT 'key', code, '', version, CAST(0 AS bigint), CAST(NULL AS timestamptz) FROM k
	UNION ALL SELECT 'task', code, id, version, fence, ended_at FROM t
	UNION ALL SELECT 'country', code, '', 0, 0, NULL FROM c`

// lock returns the query that locks the keys, tasks and countries of the changes. Its rows go into l.
func lock(l *ledger, changes []tasks.Change) question {
	about, in := subjects(changes)
	return question{lockText, args{"about": about, "country": in}, func(r row) error {
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
	}}
}

// subjects returns the keys and tasks of the changes (about), and the countries whose plans they change (in).
func subjects(changes []tasks.Change) (about, in batch) {
	about, in = batch{columns: "code text, id text"}, batch{columns: "code text"}
	for _, c := range changes {
		id := ""
		if c.Task != nil {
			id = c.Task.ID
		}
		about.add(string(c.Code()), id)
		if c.Transfer != nil {
			in.add(string(c.Transfer.Country))
		}
		if c.Claim != nil {
			in.add(string(c.Claim.Country))
		}
	}
	return about, in
}

var loadText = `
	WITH @moved, @wanted
	SELECT @now, ` + planTable.columns.list("p.%") + ` FROM moved
	JOIN LATERAL (SELECT * FROM keyseat_plans p WHERE p.id = moved.id AND p.country = moved.country LIMIT 1) p ON true
	UNION ALL
	SELECT @now, ` + planTable.columns.list("p.%") + ` FROM wanted CROSS JOIN @oldest`

// load returns the query that reads the plans that the changes may need; needed is false if they need
// none. The query is separate from the locking one, because a statement that has waited for a lock
// still sees the rows from before the wait.
func load(at *time.Time, plans map[string]stock.Plan, changes []tasks.Change) (q question, needed bool) {
	moved, wanted, most := needs(changes)
	named := args{"moved": moved, "wanted": wanted, "most": most}
	return question{loadText, named, func(r row) error {
		var p stock.Plan
		err := r.scan([]field{moment{at}}, planTable.fields(&p))
		plans[p.ID] = p
		return err
	}}, len(moved.rows)+len(wanted.rows) > 0
}

// recall sets the error of a refused change to nil if the history has the change's id: an earlier call has
// made the change. This call may see the earlier change before a synchronous standby has it. The row locks
// of this transaction are written to the log too, so its COMMIT waits for the standby. Therefore Apply
// returns only after the standby has the earlier change.
func recall(ctx context.Context, ask asker, changes []tasks.Change, errs []error, sharded bool) error {
	refused := batch{columns: "code text, id text, i bigint"}
	for i, c := range changes {
		if errs[i] != nil {
			refused.add(string(c.Code()), c.ID, int64(i))
		}
	}
	if len(refused.rows) == 0 {
		return nil
	}
	if sharded {
		return ask(ctx, remember(changes, refused, errs)...)
	}
	return ask(ctx, question{
		`
		WITH @refused
		SELECT refused.i FROM refused
		WHERE EXISTS (SELECT 1 FROM keyseat_history h WHERE h.code = refused.code AND h.change_id = refused.id)`,
		args{"refused": refused},
		func(r row) error {
			var i int
			err := r.scan([]field{whole[int]{&i}})
			errs[i] = nil
			return err
		},
	})
}

// A taskName is the primary key of a task.
type taskName struct {
	code keys.Code
	id   string
}
