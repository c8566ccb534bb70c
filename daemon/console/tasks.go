package console

import (
	"net/http"
	"net/url"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/shown"
	"github.com/keyseat/keyseat/tasks"
)

// A taskList is a page of tasks. Without a state they are the newest, the newest first.
type taskList struct {
	State tasks.TaskFilter
	Tasks []shown.Task
	Next  string
}

// tasks lists the newest tasks, or those of a state, the oldest first: they are to be looked at in turn.
func (v *visit) tasks() (err error) {
	query := v.r.URL.Query()
	l := taskList{State: tasks.TaskFilter(query.Get("state"))}
	switch l.State {
	case tasks.AnyTask:
		l.Tasks, err = v.newest(v.r.Context(), v.Now(), rows)
	case tasks.OpenTask, tasks.SuspectTask, tasks.EndedTask:
		err = v.page(&l, query.Get("after"))
	default: // what is typed can be anything
		return errNowhere
	}
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, page{"tasks", "Tasks", "tasks", l})
}

// page reads the tasks after the one with that id.
func (v *visit) page(l *taskList, id string) error {
	after := tasks.Task{}
	if id != "" {
		found, err := v.byID(id)
		if err != nil {
			return err
		}
		if found.Task != nil {
			after = *found.Task
		}
	}
	views, err := v.AdminStore.Tasks(v.r.Context(), l.State, after, rows)
	if err != nil {
		return err
	}
	for _, found := range views {
		l.Tasks = append(l.Tasks, shown.NewTask(*found.Task))
	}
	if len(views) == rows {
		l.Next = "/console/tasks?state=" + string(l.State) + "&after=" + url.QueryEscape(views[rows-1].Task.ID)
	}
	return nil
}

// byID reads a task. What cannot be an id is no task's.
func (v *visit) byID(id string) (tasks.Snapshot, error) {
	if !csvfile.ValidID(id) {
		return tasks.Snapshot{}, nil
	}
	return v.AdminStore.Task(v.r.Context(), id)
}

// A taskPage is a task and what can be done.
type taskPage struct {
	shown.Task
	Acts []act
}

func newTaskPage(v tasks.Snapshot) taskPage { return taskPage{shown.NewTask(*v.Task), ofTask(v)} }

func (v *visit) task() error {
	found, err := v.byID(v.r.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	if found.Task == nil {
		return tasks.ErrNoTask
	}
	return v.show(http.StatusOK, page{"task", "Task", "tasks", newTaskPage(found)})
}
