package bunstore

import "github.com/keyseat/keyseat/tasks"

// viewColumns lists the columns of a key k and a task t. A viewing reads them after the time.
var viewColumns = keyTable.columns.list("k.%") + ", " + taskTable.columns.list("t.%")

// A viewing reads snapshots row by row. All rows are scanned into the same variables.
type viewing struct {
	view  tasks.Snapshot
	task  tasks.Task
	into  []any
	array string // the text of the column for list
	list  list   // decoded after the scan, because a failed scan ends the reading of the other rows
}

func newViewing() *viewing {
	v := &viewing{}
	v.into = targets([]field{moment{&v.view.At}}, keyTable.fields(&v.view.Key), taskTable.fields(&v.task))
	for i, f := range v.into {
		if l, is := f.(list); is {
			v.into[i], v.list = text[string]{&v.array}, l
		}
	}
	return v
}

// read reads a row: a time, a key, and a task that may be missing.
func (v *viewing) read(r row) (tasks.Snapshot, error) {
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
