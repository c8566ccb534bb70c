package bunstore

import (
	"context"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// writes are the rows that a batch of changes leaves, each once and as it stands in the end: one
// statement changes a row only once.
type writes struct {
	keys     []keys.Key
	changed  []tasks.Task
	fresh    []tasks.Task
	lines    []line
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

func put[K comparable, T any](rows *[]T, at map[K]int, name K, r T) {
	i, found := at[name]
	if !found {
		i = len(*rows)
		at[name], *rows = i, append(*rows, r)
	}
	(*rows)[i] = r
}

// A step writes one table.
type step struct {
	name string
	rows batch
	sql  string
}

// How each table is written.
var (
	updateKeys  = update(keyTable, "k", "o.code = k.code")
	updateTasks = update(taskTable, "t", "o.code = t.code AND CASE o.id WHEN t.id THEN true END", "worker = NULL")
	insertTasks = insert(taskTable, "n")
	updatePlans = update(planTable, "p", "o.id = p.id")
	insertTold  = insertLines("h")
)

// steps are in order: a key's new task comes after the end of the one before it.
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

// identity are the columns that never change.
var identity = map[string]bool{"code": true, "id": true, "seq": true}

// update writes rows over those that are there, o, which are locked and so stay where they are.
func update[T any](t table[T], from, where string, also ...string) string {
	return "UPDATE " + t.name + " AS x SET " + strings.Join(assign(t, from, also), ", ") + " FROM " + from +
		" JOIN LATERAL (SELECT o.ctid AS place FROM " + t.name + " o WHERE " + where + " LIMIT 1) o ON true WHERE x.ctid = o.place"
}

// assign sets every column that may change.
func assign[T any](t table[T], from string, also []string) []string {
	set := also
	t.columns.each(func(name, _ string) {
		if !identity[name] {
			set = append(set, name+" = "+from+"."+name)
		}
	})
	return set
}

// insert adds rows, in their order. The database numbers them, where it does, in the column seq.
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

// errLost says that a row that was locked was not there to be written.
const errLost = plainError("a row has vanished while it was locked")

// write writes what the ledger has come to.
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

// writeAtOnce takes all steps in one statement, if there are any. They run in order, because each is
// read to its end by the count that stands for it. It fails if the rows are not as many as they should
// be, so that a COMMIT may follow it unseen.
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

// lost knows the error of [writeAtOnce] that says that rows were not written: a division by zero.
func lost(err error) error {
	if sqlState(err) == "22012" {
		return errLost
	}
	return err
}
