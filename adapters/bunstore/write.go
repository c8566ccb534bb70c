package bunstore

import (
	"context"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// writes collects the rows that a batch of changes writes. It has each row once, in its final state,
// because one statement can change a row only once. The maps hold the indexes of the rows.
type writes struct {
	keys     []keys.Key
	changed  []tasks.Task // tasks to update
	fresh    []tasks.Task // tasks to insert
	lines    []line       // history to insert
	keyAt    map[keys.Code]int
	changeAt map[taskName]int
	freshAt  map[taskName]int
}

func newWrites() writes {
	return writes{keyAt: map[keys.Code]int{}, changeAt: map[taskName]int{}, freshAt: map[taskName]int{}}
}

func (w *writes) key(k keys.Key) { put(&w.keys, w.keyAt, k.Code, k) }

func (w *writes) task(t tasks.Task, fresh bool) {
	name := taskName{t.Code, t.ID}
	if _, began := w.freshAt[name]; began || fresh {
		put(&w.fresh, w.freshAt, name, t)
		return
	}
	put(&w.changed, w.changeAt, name, t)
}

// put replaces the row with that name, or appends it.
func put[K comparable, T any](rows *[]T, at map[K]int, name K, r T) {
	i, found := at[name]
	if !found {
		i = len(*rows)
		at[name], *rows = i, append(*rows, r)
	}
	(*rows)[i] = r
}

// A step is the statement that writes the rows of one table.
type step struct {
	name string
	rows batch
	sql  string
}

// The statements that write the tables.
var (
	updateKeys  = update(keyTable, "k", "o.code = k.code")
	updateTasks = update(taskTable, "t", "o.code = t.code AND CASE o.id WHEN t.id THEN true END", "worker = NULL")
	insertTasks = insert(taskTable, "n")
	updatePlans = update(planTable, "p", "o.id = p.id")
	insertTold  = insertLines("h")
)

// steps returns the necessary steps in order. Tasks are updated before new tasks are inserted, because a key's
// previous task must end before its new task begins.
func (l *ledger) steps() []step {
	all := []step{
		{"k", keyTable.batch(l.writes.keys), updateKeys},
		{"t", taskTable.batch(l.writes.changed), updateTasks},
		{"n", taskTable.batch(l.writes.fresh), insertTasks},
		{"p", planTable.batch(l.book.Changed()), updatePlans},
		{"h", historyTable.batch(l.writes.lines), insertTold},
	}
	return slices.DeleteFunc(all, func(s step) bool { return len(s.rows.rows) == 0 })
}

// identity lists the columns that never change.
var identity = map[string]bool{"code": true, "id": true, "seq": true}

// update returns the SQL that overwrites the stored rows o with the rows of from. On Postgres it finds them by
// their physical position (ctid), which cannot change because the rows are locked. On SQLite and in a
// distributed store the dialect replaces the position by the condition where.
func update[T any](t table[T], from, where string, also ...string) string {
	return "UPDATE " + t.name + " AS x SET " + strings.Join(assign(t, from, also), ", ") + " FROM " + from +
		" JOIN LATERAL (SELECT o.ctid AS place FROM " + t.name + " o WHERE " + where + " LIMIT 1) o ON true WHERE x.ctid = o.place"
}

// assign returns an assignment for each column that may change, after those of also.
func assign[T any](t table[T], from string, also []string) []string {
	set := also
	t.columns.each(func(name, _ string) {
		if !identity[name] {
			set = append(set, name+" = "+from+"."+name)
		}
	})
	return set
}

// insert returns the SQL that inserts the rows of from in their order. It leaves out the column seq, which the
// database numbers itself.
func insert[T any](t table[T], from string) string {
	var names []string
	t.columns.each(func(name, _ string) {
		if name != "seq" {
			names = append(names, name)
		}
	})
	list := strings.Join(names, ", ")
	return "INSERT INTO " + t.name + " (" + list + ") SELECT " + list + " FROM " + from + " ORDER BY place"
}

// errLost means that a locked row was missing when it was to be written.
const errLost = plainError("a row has vanished while it was locked")

// write writes the rows of the ledger. It returns errLost if a locked row is missing. In a distributed store
// it returns errAgain if other transactions have changed some of the rows.
func (s session) write(ctx context.Context, l *ledger) error {
	if s.sharded() {
		return l.writeApart(ctx, s.ask)
	}
	steps := l.steps()
	if !s.embedded() {
		return lost(s.ask(ctx, writeAtOnce(steps)...))
	}
	for _, step := range steps {
		n, err := s.exec(ctx, "WITH @"+step.name+" "+step.sql, args{step.name: step.rows})
		if err == nil && n != int64(len(step.rows.rows)) {
			err = errLost
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeAtOnce combines all steps into one statement, or none if there are no steps. For two steps k and t it
// has this form:
//
//	WITH @k, k_done AS (UPDATE … RETURNING 1), @t, t_done AS (UPDATE … RETURNING 1)
//	SELECT 1 / CASE WHEN (SELECT count(*) FROM k_done) + (SELECT count(*) FROM t_done) = @want THEN 1 ELSE 0 END
//
// The steps run in order, because each count reads its step to the end before the next count starts. The
// statement fails with a division by zero if the number of written rows is wrong. Therefore the client
// can send a COMMIT directly after it, without waiting for its result.
func writeAtOnce(steps []step) []question {
	if len(steps) == 0 {
		return nil
	}
	var with, counts []string
	named, want := args{}, 0
	for _, step := range steps {
		done := step.name + "_done"
		with = append(with, "@"+step.name, done+" AS ("+step.sql+" RETURNING 1)")
		counts = append(counts, "(SELECT count(*) FROM "+done+")")
		named[step.name], want = step.rows, want+len(step.rows.rows)
	}
	named["want"] = want
	text := "WITH " + strings.Join(with, ", ") + " SELECT 1 / CASE WHEN " + strings.Join(counts, " + ") + " = @want THEN 1 ELSE 0 END"
	return []question{{text, named, func(row) error { return nil }}}
}

// lost replaces a division by zero with errLost: with it [writeAtOnce] reports that rows were not written.
// It returns other errors as they are.
func lost(err error) error {
	if sqlState(err) == "22012" {
		return errLost
	}
	return err
}
