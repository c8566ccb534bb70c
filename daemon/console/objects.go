package console

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// pageSize is the number of lines per page of a list.
const pageSize = 50

// A taskList is one page of the list of tasks. Without a state it holds the newest tasks, the newest
// first.
type taskList struct {
	State adminstore.TaskState
	Tasks []taskRow
	Next  string
}

// A taskRow is a task with a masked code. The step of an open task is waiting, running or retrying. The step of
// another task is its state.
type taskRow struct {
	view.Task
	Step adminstore.TaskState
}

func newTaskRow(t tasks.Task) taskRow {
	row := taskRow{view.NewTask(t).Masked(), ""}
	row.Step = row.State
	for _, step := range []adminstore.TaskState{adminstore.WaitingTask, adminstore.RunningTask, adminstore.RetryingTask} {
		if step.Match(t) {
			row.Step = step
		}
	}
	return row
}

// listTasks lists the newest tasks, or the tasks in the state that the query names. Tasks in a state are
// listed with the oldest first, because operators process them in that order.
func (r *request) listTasks() (err error) {
	query := r.req.URL.Query()
	l := taskList{State: adminstore.TaskState(query.Get("state"))}
	switch {
	case l.State == adminstore.AnyTask:
		l.Tasks, err = r.newest(r.req.Context(), pageSize)
	case slices.Contains(adminstore.TaskStates(), l.State):
		err = r.tasksInState(&l, query.Get("after"))
	default: // the query can contain any text
		return errNotFound
	}
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, page{"tasks", "Tasks", "tasks", l})
}

// tasksInState reads the page of tasks that follows the task with the given id. An empty id gives the first
// page.
func (r *request) tasksInState(l *taskList, id string) error {
	p := adminstore.Page{Limit: pageSize}
	if id != "" {
		found, err := r.taskByID(id)
		if err != nil {
			return err
		}
		if found.Task != nil {
			p.After = adminstore.TaskFilter{}.Position(found)
		}
	}
	list, err := r.AdminStore.Tasks(r.req.Context(), adminstore.TaskFilter{State: l.State}, p)
	if err != nil {
		return err
	}
	for _, found := range list.Entries {
		l.Tasks = append(l.Tasks, newTaskRow(*found.Task))
	}
	if !list.Next.IsZero() {
		l.Next = "/console/tasks?state=" + string(l.State) + "&after=" + url.QueryEscape(list.Next.ID)
	}
	return nil
}

// A taskPage is the content of a task's page: the task and the possible actions.
type taskPage struct {
	taskRow
	Actions []action
}

func (r *request) newTaskPage(v tasks.Snapshot) taskPage {
	return taskPage{newTaskRow(*v.Task), r.permitted(taskActions(v))}
}

func (r *request) showTask() error {
	found, err := r.taskByID(r.req.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	if found.Task == nil {
		return tasks.ErrNoTask
	}
	return r.render(http.StatusOK, page{"task", "Task " + found.Task.ID, "tasks", r.newTaskPage(found)})
}

// taskByID reads the task with the given id. A malformed id gives an empty snapshot, as an unknown task
// does.
func (r *request) taskByID(id string) (tasks.Snapshot, error) {
	if !csvfile.ValidID(id) {
		return tasks.Snapshot{}, nil
	}
	return r.AdminStore.Task(r.req.Context(), id)
}
