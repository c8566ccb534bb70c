package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// pageSize is the number of lines per page of a list.
const pageSize = 50

// A planList is a page of plans, in the order of import.
type planList struct {
	Plans []planRow
	Next  string
}

// A planRow is a plan and the possible actions on it.
type planRow struct {
	view.Plan
	Actions []action
}

func (r *request) listPlans() error {
	after, err := strconv.ParseInt(r.req.URL.Query().Get("after"), 10, 64)
	if err != nil {
		after = 0 // an invalid cursor shows the first page
	}
	plans, err := r.AdminStore.Plans(r.req.Context(), after, pageSize)
	if err != nil {
		return err
	}
	var l planList
	for _, p := range plans {
		line := view.NewPlan(p, r.Now())
		l.Plans = append(l.Plans, planRow{line, r.permitted(planActions(line))})
	}
	if len(plans) == pageSize {
		l.Next = "/console/plans?after=" + strconv.FormatInt(plans[pageSize-1].Seq, 10)
	}
	return r.render(http.StatusOK, page{"plans", "Plans", "plans", l})
}

// A taskList is one page of the list of tasks. Without a state it holds the newest tasks, the newest
// first.
type taskList struct {
	State adminstore.TaskState
	Tasks []view.Task
	Next  string
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
		l.Tasks = append(l.Tasks, view.NewTask(*found.Task).Masked())
	}
	if !list.Next.IsZero() {
		l.Next = "/console/tasks?state=" + string(l.State) + "&after=" + url.QueryEscape(list.Next.ID)
	}
	return nil
}

// A taskPage is the content of a task's page: the task and the possible actions.
type taskPage struct {
	view.Task
	Actions []action
}

func (r *request) newTaskPage(v tasks.Snapshot) taskPage {
	return taskPage{view.NewTask(*v.Task).Masked(), r.permitted(taskActions(v))}
}

func (r *request) showTask() error {
	found, err := r.taskByID(r.req.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	if found.Task == nil {
		return tasks.ErrNoTask
	}
	return r.render(http.StatusOK, page{"task", "Task", "tasks", r.newTaskPage(found)})
}

// taskByID reads the task with the given id. A malformed id gives an empty snapshot, as an unknown task
// does.
func (r *request) taskByID(id string) (tasks.Snapshot, error) {
	if !csvfile.ValidID(id) {
		return tasks.Snapshot{}, nil
	}
	return r.AdminStore.Task(r.req.Context(), id)
}
