package bunstore

import (
	"context"
	"database/sql"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
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

// snapshot calls do in a read-only transaction whose statements all see the state that the first one sees.
// Statements on many servers do not, because the servers share no snapshot.
func (s *Store) snapshot(ctx context.Context, do func(tx session) error) error {
	one := &sql.TxOptions{ReadOnly: true} // every transaction of SQLite has such a snapshot
	if !s.isSQLite {
		one.Isolation = sql.LevelRepeatableRead
	}
	tx, err := s.read.DB.BeginTx(ctx, one)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to commit
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
		query.Args{"after": string(after), "n": n}, func(r query.Row) error {
			var code keys.Code
			err := r.Scan([]query.Column{query.Text(&code)})
			codes = append(codes, code)
			return err
		})
	return codes, err
}

// records returns the record of each code, in the order of the codes.
func (s session) records(ctx context.Context, codes []keys.Code) ([]audit.Record, error) {
	now, err := readTime(ctx, s.runCached)
	if err != nil {
		return nil, err
	}
	found, err := find(ctx, s.runCached, codes)
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
	return records, s.eventsOf(ctx, want, at)
}

func (s session) tasksOf(ctx context.Context, want query.Rows, at map[keys.Code]*audit.Record) error {
	return s.runOnce(ctx, `
		WITH @want SELECT `+taskTable.Columns.List("t.%")+` FROM want
		JOIN keyseat_tasks t ON t.code = want.code ORDER BY t.created_at, t.id`, query.Args{"want": want}, func(r query.Row) error {
		var t tasks.Task
		err := r.Scan(taskTable.Fields(&t))
		switch one := at[t.Code]; { // the code and the id are readable even if a later column is not
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

func (s session) eventsOf(ctx context.Context, want query.Rows, at map[keys.Code]*audit.Record) error {
	return s.runOnce(ctx, `
		WITH @want SELECT `+historyTable.Columns.List("h.%")+` FROM want
		JOIN keyseat_history h ON h.code = want.code ORDER BY h.seq`, query.Args{"want": want}, func(r query.Row) error {
		var l tasks.HistoryEntry
		err := r.Scan(historyTable.Fields(&l))
		if one := at[l.Code]; err == nil {
			one.Events = append(one.Events, l.Event)
		}
		return err
	})
}
