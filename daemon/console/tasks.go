package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A taskList is one page of a list of tasks.
type taskList struct {
	listing
	State   adminstore.TaskState
	States  []adminstore.TaskState // the tabs
	Tasks   []taskRow
	PageIDs string   // the ids of the page's tasks
	Bulk    []action // the actions on several tasks
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

// taskFilter returns the frame and the filter of the list of tasks that the query selects.
func (r *request) taskFilter() (l listing, f adminstore.TaskFilter, err error) {
	l = r.newListing("/console/tasks", []string{"state"},
		filterField{Name: "outcome", Label: "Outcome", Options: toOptions(tasks.AllOutcomes())},
		filterField{Name: "country", Label: "Country", Hint: "US"}, filterField{Name: "plan", Label: "Plan"},
		filterField{Name: "since", Label: "Since", Hint: "2026-11-29"}, filterField{Name: "until", Label: "Until", Hint: "2026-11-30"})
	f.State, f.Plan = adminstore.TaskState(l.value("state")), l.value("plan")
	if f.State != adminstore.AnyTask && !slices.Contains(adminstore.TaskStates(), f.State) {
		return l, f, errNotFound // the query can contain any text
	}
	if f.Country, err = parseFilterCountry(l.value("country")); err == nil {
		f.Outcomes, err = parseList("outcome", l.value("outcome"), tasks.AllOutcomes())
	}
	if err == nil {
		f.Since, err = parseFilterTime("Since", l.value("since"), csvfile.ParseTime)
	}
	if err == nil {
		f.Until, err = parseFilterTime("Until", l.value("until"), csvfile.ParseEnd) // the whole day, as for the command line
	}
	return l, f, err
}

// taskOrder returns the order of a list of tasks. Open and suspect tasks have the oldest first, because operators
// process them in that order.
func taskOrder(s adminstore.TaskState) adminstore.Order {
	switch s {
	case adminstore.OpenTask, adminstore.WaitingTask, adminstore.RunningTask, adminstore.RetryingTask, adminstore.SuspectTask:
		return adminstore.Oldest
	case adminstore.AnyTask, adminstore.EndedTask, adminstore.FailedTask:
	}
	return adminstore.Newest
}

// listTasks lists the tasks that the query selects.
func (r *request) listTasks() error {
	frame, f, err := r.taskFilter()
	if err != nil {
		return err
	}
	p := r.page(taskOrder(f.State))
	list, err := r.AdminStore.Tasks(r.req.Context(), f, p)
	if err != nil {
		return err
	}
	l := taskList{listing: frame, State: f.State, States: append([]adminstore.TaskState{adminstore.AnyTask}, adminstore.TaskStates()...)}
	var ids []string
	for _, found := range list.Entries {
		l.Tasks = append(l.Tasks, newTaskRow(*found.Task))
		ids = append(ids, found.Task.ID)
	}
	l.PageIDs = strings.Join(ids, ",")
	l.Bulk = r.permitted(selectActions("task", map[string]bool{
		"retry":   slices.Contains([]adminstore.TaskState{adminstore.OpenTask, adminstore.WaitingTask, adminstore.RetryingTask}, f.State),
		"resolve": f.State == adminstore.SuspectTask,
	}))
	next, previous := list.Neighbors(p, f.Position)
	if err := l.setLinks(r, next, previous); err != nil {
		return err
	}
	return r.render(http.StatusOK, page{"tasks", "Tasks", "tasks", l})
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
