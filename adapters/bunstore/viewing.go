package bunstore

import "github.com/keyseat/keyseat/tasks"

// viewColumns are those that a viewing reads, of a key k and a task t, after the time.
var viewColumns = keyTable.columns.list("k.%") + ", " + taskTable.columns.list("t.%")

// A viewing reads views, one row after the other by way of the same fields.
type viewing struct {
	view tasks.View
	task tasks.Task
	into []any
}

func newViewing() *viewing {
	v := &viewing{}
	v.into = targets([]field{moment{&v.view.At}}, keyTable.fields(&v.view.Key), taskTable.fields(&v.task))
	return v
}

// read reads a time, a key and a task that may be missing.
func (v *viewing) read(r row) (tasks.View, error) {
	err := r(v.into...)
	view := v.view
	if v.task.ID != "" {
		task := v.task
		view.Task = &task
	}
	return view, err
}
