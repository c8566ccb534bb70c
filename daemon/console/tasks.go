package console

import (
	"net/http"
	"net/url"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A taskList is one page of the list of tasks. Without a state it holds the newest tasks, the newest
// first.
type taskList struct {
	State adminstore.TaskFilter
	Tasks []view.Task
	Next  string
}

// tasks lists the newest tasks, or the tasks in the state that the query names. Tasks in a state are
// listed with the oldest first, because operators process them in that order.
func (v *visit) tasks() (err error) {
	query := v.r.URL.Query()
	l := taskList{State: adminstore.TaskFilter(query.Get("state"))}
	switch l.State {
	case adminstore.AnyTask:
		l.Tasks, err = v.newest(v.r.Context(), v.Now(), rows)
	case adminstore.OpenTask, adminstore.SuspectTask, adminstore.EndedTask:
		err = v.page(&l, query.Get("after"))
	default: // the query can contain any text
		return errNowhere
	}
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, page{"tasks", "Tasks", "tasks", l})
}

// page reads the page of tasks that follows the task with the given id. An empty id gives the first page.
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
		l.Tasks = append(l.Tasks, view.NewTask(*found.Task))
	}
	if len(views) == rows {
		l.Next = "/console/tasks?state=" + string(l.State) + "&after=" + url.QueryEscape(views[rows-1].Task.ID)
	}
	return nil
}

// byID reads the task with the given id. A malformed id gives an empty snapshot, as an unknown task does.
func (v *visit) byID(id string) (tasks.Snapshot, error) {
	if !csvfile.ValidID(id) {
		return tasks.Snapshot{}, nil
	}
	return v.AdminStore.Task(v.r.Context(), id)
}

// A taskPage is the content of a task's page: the task and the possible actions.
type taskPage struct {
	view.Task
	Acts []act
}

func newTaskPage(v tasks.Snapshot) taskPage { return taskPage{view.NewTask(*v.Task), ofTask(v)} }

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
