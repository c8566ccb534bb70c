package bunstore

import "github.com/keyseat/keyseat/tasks"

// viewColumns are those that a viewing reads, of a key k and a task t, after the time.
var viewColumns = keyTable.columns.list("k.%") + ", " + taskTable.columns.list("t.%")

// A viewing reads views, one row after the other by way of the same fields.
type viewing struct {
	view  tasks.Snapshot
	task  tasks.Task
	into  []any
	array string // of the field list
	list  list   // which comes last: what it cannot read shall not end the reading of the other rows
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

// read reads a time, a key and a task that may be missing.
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
