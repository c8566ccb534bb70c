package bunstore

import (
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// A snapshotSet holds the snapshots of the keys that exist, as of one moment.
type snapshotSet struct {
	at    time.Time
	found map[keys.Code]tasks.Snapshot
}

// of returns the snapshot of a key, which need not exist.
func (s *snapshotSet) of(code keys.Code) tasks.Snapshot {
	v := s.found[code]
	v.At = s.at
	return v
}

// update changes the snapshot of a key, if the set has one.
func (s *snapshotSet) update(code keys.Code, change func(*tasks.Snapshot)) {
	if v, found := s.found[code]; found {
		change(&v)
		s.found[code] = v
	}
}

// add returns a function that scans the rows of snapshots into the set. The time of a row is NULL if another query reads
// the time.
func (s *snapshotSet) add() func(query.Row) error {
	one := newSnapshotScanner()
	return func(r query.Row) error {
		v, err := one.scan(r)
		if !v.At.IsZero() {
			s.at = v.At
		}
		s.found[v.Key.Code] = v
		return err
	}
}

// viewColumns lists the columns of a key k and a task t. A snapshotScanner reads them after the time.
var viewColumns = keyTable.Columns.List("k.%") + ", " + taskTable.Columns.List("t.%")

// A snapshotScanner reads snapshots row by row. All rows are scanned into the same variables.
type snapshotScanner struct {
	view  tasks.Snapshot
	task  tasks.Task
	into  []any
	array string         // the text of the column for list
	list  query.JSONList // decoded after the scan, so that an invalid list does not end the query
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
