package bunstore

import (
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks"
)

// viewColumns lists the columns of a key k and a task t. A snapshotScanner reads them after the time.
var viewColumns = keyTable.Columns.List("k.%") + ", " + taskTable.Columns.List("t.%")

// A snapshotScanner reads snapshots row by row. All rows are scanned into the same variables.
type snapshotScanner struct {
	view  tasks.Snapshot
	task  tasks.Task
	into  []any
	array string         // the text of the column for list
	list  query.JSONList // decoded after the scan, because a failed scan ends the reading of the other rows
}

func newSnapshotScanner() *snapshotScanner {
	v := &snapshotScanner{}
	v.into = query.ScanTargets([]query.Column{query.Time(&v.view.At)}, keyTable.Fields(&v.view.Key), taskTable.Fields(&v.task))
	for i, f := range v.into {
		if l, is := f.(query.JSONList); is {
			v.into[i], v.list = query.Text(&v.array), l
		}
	}
	return v
}

// scan reads a row: a time, a key, and a task that may be missing.
func (v *snapshotScanner) scan(r query.Row) (tasks.Snapshot, error) {
	err := r(v.into...)
	if err == nil {
		err = v.list.Scan(v.array)
	}
	view := v.view
	if v.task.ID != "" {
		task := v.task
		view.Task = &task
	}
	return view, err
}
