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

// of returns the snapshot of a key. If the set does not have the key, the snapshot has the zero Key, which means that
// the key does not exist.
func (s *snapshotSet) of(code keys.Code) tasks.Snapshot {
	v := s.found[code]
	v.At = s.at
	return v
}

func (s *snapshotSet) update(code keys.Code, change func(*tasks.Snapshot)) {
	if v, found := s.found[code]; found {
		change(&v)
		s.found[code] = v
	}
}

// add returns a function that reads the rows of snapshots into the set. In a distributed store the time of a row is
// NULL, because another query reads the time.
func (s *snapshotSet) add() func(query.Row) error {
	return query.Each(func(row snapshotRow) {
		if !row.At.IsZero() {
			s.at = row.At
		}
		s.found[row.Key.Code] = row.snapshot()
	})
}

// viewColumns lists the columns of a key k and a task t. They follow the time in a snapshotRow.
var viewColumns = keyTable.Columns.List("k.%") + ", " + taskTable.Columns.List("t.%")

// A snapshotRow is a row with a time, a key, and a task that may be missing.
type snapshotRow struct {
	At   time.Time
	Key  keys.Key
	Task tasks.Task
}

func (r snapshotRow) snapshot() tasks.Snapshot {
	v := tasks.Snapshot{At: r.At, Key: r.Key}
	if r.Task.ID != "" {
		task := r.Task // a copy, so that the pointer does not keep the whole row in memory
		v.Task = &task
	}
	return v
}

// appendSnapshots returns a function that appends the rows of a result to a list of snapshots.
func appendSnapshots(to *[]tasks.Snapshot) func(query.Row) error {
	return query.Each(func(row snapshotRow) { *to = append(*to, row.snapshot()) })
}
