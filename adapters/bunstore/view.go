package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// viewText reads the snapshots of keys. The server plans it once, and the tables may have been empty at that
// moment. For empty tables every index and every join order seem good to the planner. Therefore the LATERAL
// joins fix the order. The CASE keeps the planner from an index on the task's id: the server reads
// all tasks of a key, which are few.
var viewText = `
	WITH @want
	SELECT @now, ` + viewColumns + `
	FROM want
	LEFT JOIN LATERAL (SELECT * FROM keyseat_keys k WHERE k.code = want.code LIMIT 1) k ON true
	LEFT JOIN LATERAL (SELECT * FROM keyseat_tasks t WHERE t.code = k.code AND CASE t.id WHEN k.task_id THEN true END LIMIT 1) t ON true
	ORDER BY want.place`

// Snapshots implements [tasks.Store].
func (s session) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	if s.sharded() {
		views, err := s.viewApart(ctx, codes)
		return views, s.tell("view", err)
	}
	views, err := view(ctx, s.ask, codes)
	return views, s.tell("view", err)
}

func view(ctx context.Context, ask asker, codes []keys.Code) ([]tasks.Snapshot, error) {
	views := make([]tasks.Snapshot, 0, len(codes))
	one := newViewing()
	want := batch{columns: "code text"}
	for _, code := range codes {
		want.add(string(code))
	}
	err := ask(ctx, question{viewText, args{"want": want}, func(r row) error {
		v, err := one.read(r)
		views = append(views, v)
		return err
	}})
	return views, err
}

// Conditions on a plan p: live plans are in stock at @now, claimable plans also have a free slot.
const (
	live      = `(NOT p.retired AND p.fault = '' AND (p.expires_at IS NULL OR p.expires_at > @now))`
	claimable = live + ` AND p.held + p.spent + p.suspect < p.size`
)

// Stock implements [tasks.Store].
func (s session) Stock(ctx context.Context) ([]stock.Level, error) {
	levels, err := levels(ctx, s.ask)
	return levels, s.tell("stock", err)
}

const free = `p.size - p.held - p.spent - p.suspect`

const levelsText = `
	SELECT p.country, CAST(sum(p.size) AS bigint),
		CAST(sum(CASE WHEN ` + live + ` THEN ` + free + ` ELSE 0 END) AS bigint),
		CAST(sum(p.held) AS bigint), CAST(sum(p.spent) AS bigint), CAST(sum(p.suspect) AS bigint),
		CAST(sum(CASE WHEN ` + live + ` THEN 0 ELSE ` + free + ` END) AS bigint)
	FROM keyseat_plans p
	GROUP BY p.country
	ORDER BY p.country`

func levels(ctx context.Context, ask asker) (all []stock.Level, err error) {
	err = ask(ctx, question{levelsText, nil, func(r row) error {
		var l stock.Level
		err := r.scan([]field{
			text[stock.Country]{&l.Country},
			whole[int]{&l.Size},
			whole[int]{&l.Free},
			whole[int]{&l.Held},
			whole[int]{&l.Spent},
			whole[int]{&l.Suspect},
			whole[int]{&l.Idle},
		})
		all = append(all, l)
		return err
	}})
	return all, err
}
