package bunstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

var _ tasks.Archiver = (*Store)(nil)

// Archive implements [tasks.Archiver], in one transaction, which waits for nobody's key unless the store is distributed. On SQLite all
// other writes wait while keep is at work.
func (s *Store) Archive(ctx context.Context, cuts []tasks.ArchivePlan, keep func(tasks.ArchivedRows) error) (errs []error, err error) {
	var refused error
	err = s.transact(ctx, func(tx session) error {
		errs, err = tx.archive(ctx, cuts, func(p tasks.ArchivedRows) error {
			refused = keep(p)
			return refused
		})
		return err
	})
	switch {
	case refused != nil:
		return nil, refused
	case err != nil:
		return nil, s.reader().tell("archive", err)
	}
	return errs, nil
}

// archive takes away what is locked, and as the cuts say it is.
func (s session) archive(ctx context.Context, cuts []tasks.ArchivePlan, keep func(tasks.ArchivedRows) error) ([]error, error) {
	find := s.ours
	if s.sharded() {
		find = s.oursApart
	}
	want, lines := batch{columns: "code text"}, map[keys.Code]int{}
	for _, c := range cuts {
		want.add(string(c.Code))
		lines[c.Code] = c.Lines
	}
	ours, err := find(ctx, want, lines)
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(cuts))
	gone, cut, stays := batch{columns: "code text, id text"}, batch{columns: "code text"}, []line{}
	for i, c := range cuts {
		if !ours[c.Code] {
			errs[i] = tasks.ErrConflict
			continue
		}
		ours[c.Code] = false // for another cut of the same key
		cut.add(string(c.Code))
		for _, id := range c.Tasks {
			gone.add(string(c.Code), id)
		}
		for n, e := range c.Summary {
			stays = append(stays, line{e, c.ID, n})
		}
	}
	past, err := s.remove(ctx, gone, cut)
	if err == nil {
		err = keep(past)
	}
	if err != nil {
		return nil, err
	}
	return errs, s.addQuietly(ctx, stays)
}

// ours locks the keys that nobody else has, and gives those that stand as the cuts say. It looks at
// them by a statement of its own, which sees what others have written before they let go.
func (s session) ours(ctx context.Context, want batch, lines map[keys.Code]int) (map[keys.Code]bool, error) {
	free := batch{columns: "code text, lines bigint"}
	err := s.query(ctx, `
		WITH @want
		SELECT k.code FROM keyseat_keys k WHERE k.code IN (SELECT code FROM want) ORDER BY k.code FOR UPDATE OF k SKIP LOCKED`,
		args{"want": want}, func(r row) error {
			var code keys.Code
			err := r.scan([]field{text[keys.Code]{&code}})
			free.add(string(code), int64(lines[code]))
			return err
		})
	if err != nil {
		return nil, err
	}
	ours := map[keys.Code]bool{}
	return ours, s.query(ctx, `
		WITH @free
		SELECT free.code FROM free
		WHERE (SELECT count(*) FROM keyseat_history h WHERE h.code = free.code) = free.lines
			AND NOT EXISTS (SELECT 1 FROM keyseat_history h WHERE h.code = free.code AND h.fresh)
			AND NOT EXISTS (SELECT 1 FROM keyseat_listeners l JOIN keyseat_mail m ON m.listener = l.name
				WHERE m.code = free.code AND m.country = '' AND m.newest > m.told)`,
		args{"free": free}, func(r row) error {
			var code keys.Code
			err := r.scan([]field{text[keys.Code]{&code}})
			ours[code] = true
			return err
		})
}

// remove deletes those tasks, and all the history of those keys, and gives what there was.
func (s session) remove(ctx context.Context, gone, cut batch) (past tasks.ArchivedRows, err error) {
	if past.Tasks, err = s.removeTasks(ctx, gone); err == nil && len(past.Tasks) != len(gone.rows) {
		err = errLost
	}
	if err == nil {
		past.Lines, err = s.removeLines(ctx, cut)
	}
	return past, err
}

func (s session) removeTasks(ctx context.Context, gone batch) (all []tasks.Task, err error) {
	text, column := `WITH @gone DELETE FROM keyseat_tasks WHERE (code, id) IN (SELECT code, id FROM gone)`, "%"
	if s.sharded() {
		text, column = `DELETE FROM keyseat_tasks AS x USING @r WHERE x.code = r.code AND x.id = r.id AND x.code = ANY (@codes)`, "x.%"
	}
	named := args{"gone": gone, "r": inline{gone}, "codes": gone.texts(0)}
	err = s.query(ctx, text+" RETURNING "+taskTable.columns.list(column), named, func(r row) error {
		var t tasks.Task
		err := r.scan(taskTable.fields(&t))
		all = append(all, t)
		return err
	})
	slices.SortFunc(all, func(x, y tasks.Task) int { return cmp.Or(x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.ID, y.ID)) })
	return all, err
}

func (s session) removeLines(ctx context.Context, cut batch) (all []tasks.HistoryEntry, err error) {
	text := `WITH @cut DELETE FROM keyseat_history WHERE code IN (SELECT code FROM cut)`
	if s.sharded() {
		text = `DELETE FROM keyseat_history WHERE code = ANY (@codes)`
	}
	named := args{"cut": cut, "codes": cut.texts(0)}
	err = s.query(ctx, text+" RETURNING seq, "+historyTable.columns.list("%"), named, func(r row) error {
		var at tasks.HistoryEntry
		var l line
		err := r.scan([]field{whole[int64]{&at.Seq}}, historyTable.fields(&l))
		at.Change, at.N, at.Event = l.change, l.n, l.Event
		all = append(all, at)
		return err
	})
	slices.SortFunc(all, func(x, y tasks.HistoryEntry) int { return cmp.Compare(x.Seq, y.Seq) })
	return all, err
}

// addQuietly adds lines of history that are not for the outbox, as those of [insertLines] are.
func (s session) addQuietly(ctx context.Context, lines []line) error {
	rows := historyTable.batch(lines)
	text, named := "WITH @h "+insert(historyTable, "h"), args{"h": rows}
	if s.sharded() {
		text, named = insert(historyTable, "@r"), args{"r": inline{rows}}
	}
	_, err := s.exec(ctx, text, named)
	return err
}
