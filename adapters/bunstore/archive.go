package bunstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/archive"
)

var _ archive.Archiver = (*Store)(nil)

// Archive implements [archive.Archiver] in one transaction. It skips keys that another transaction has locked, except
// in a distributed store, where it waits for the lock. On SQLite all other writes wait while keep runs.
func (s *Store) Archive(ctx context.Context, plans []archive.Plan, keep func(archive.Rows) error) (errs []error, err error) {
	var refused error
	err = s.transact(ctx, func(tx session) error {
		errs, err = tx.archive(ctx, plans, func(p archive.Rows) error {
			refused = keep(p)
			return refused
		})
		return err
	})
	switch {
	case refused != nil:
		return nil, refused
	case err != nil:
		return nil, s.wrap("archive", err)
	}
	return errs, nil
}

// archive deletes the rows of each key that it can lock and whose history matches its [archive.Plan]. Then it adds the
// summary of this archive plan to the history. For each other archive plan the error is [tasks.ErrConflict].
func (s session) archive(ctx context.Context, plans []archive.Plan, keep func(archive.Rows) error) ([]error, error) {
	want, entries := query.Rows{Columns: "code text"}, map[keys.Code]int{}
	for _, c := range plans {
		want.Add(string(c.Code))
		entries[c.Code] = c.Lines
	}
	ours, err := s.layout.lockArchivable(ctx, s, want, entries)
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(plans))
	gone, cut, summaries := query.Rows{Columns: "code text, id text"}, query.Rows{Columns: "code text"}, []tasks.HistoryEntry{}
	for i, c := range plans {
		if !ours[c.Code] {
			errs[i] = tasks.ErrConflict
			continue
		}
		ours[c.Code] = false // so that a second plan for the same key is refused
		cut.Add(string(c.Code))
		for _, id := range c.Tasks {
			gone.Add(string(c.Code), id)
		}
		for n, e := range c.Summary {
			summaries = append(summaries, tasks.HistoryEntry{Change: c.ID, N: n, Event: e})
		}
	}
	archived, err := s.deleteRows(ctx, gone, cut)
	if err == nil {
		err = keep(archived)
	}
	if err != nil {
		return nil, err
	}
	return errs, s.insertRouted(ctx, summaries)
}

// lockArchivable implements [layout]. It locks the wanted keys that no other transaction has locked. It returns the
// keys that can be archived:
//
//   - the key has as many history entries as the map entries says;
//   - every entry has been routed to the subscribers;
//   - no delivery about the key is queued for a subscriber.
//
// A second statement checks these conditions, because it sees all rows that were written before a lock was released.
func (oneServer) lockArchivable(ctx context.Context, s session, want query.Rows, entries map[keys.Code]int) (map[keys.Code]bool, error) {
	free := query.Rows{Columns: "code text, entries bigint"}
	err := s.runOnce(ctx, s.sqlOf("lock archivable"), query.Args{"want": want}, query.Each(func(code keys.Code) {
		free.Add(string(code), int64(entries[code]))
	}))
	if err != nil {
		return nil, err
	}
	ours := map[keys.Code]bool{}
	return ours, s.runOnce(ctx, s.sqlOf("check archivable"), query.Args{"free": free},
		query.Each(func(code keys.Code) { ours[code] = true }))
}

// deleteRows deletes the tasks that gone lists, and the whole history of the keys that cut lists. It returns the
// deleted rows.
func (s session) deleteRows(ctx context.Context, gone, cut query.Rows) (archived archive.Rows, err error) {
	args := query.Args{"r": query.InlineRows(gone), "gone": gone, "codes": gone.Texts("code")}
	err = s.run(ctx, nil, statement("delete tasks", args, query.Append(&archived.Tasks)))
	if err == nil && len(archived.Tasks) != len(gone.Values) {
		err = errLost
	}
	if err == nil {
		args = query.Args{"cut": cut, "codes": cut.Texts("code")}
		err = s.run(ctx, nil, statement("delete history", args, query.Append(&archived.Lines)))
	}
	slices.SortFunc(archived.Tasks, func(x, y tasks.Task) int {
		return cmp.Or(x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.ID, y.ID))
	})
	slices.SortFunc(archived.Lines, func(x, y tasks.HistoryEntry) int { return cmp.Compare(x.Seq, y.Seq) })
	return archived, err
}
