package console

import (
	"net/http"
	"slices"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

type taskList struct {
	listing
	bulkForm
	State  adminstore.TaskState
	States []adminstore.TaskState // the tabs
	Tasks  []taskRow
}

// A taskRow is a task with a masked code. The step of an open task is waiting, running or retrying. The step of
// a task that is not open is its state.
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

func (r *request) selectTasks() (s selection[tasks.Snapshot]) {
	s.listing = r.newListing("/console/tasks", []string{"state"},
		filterField{Name: "outcome", Label: "Outcome", Options: toOptions(tasks.AllOutcomes())},
		countryField, planField, sinceField, untilField)
	state := adminstore.TaskState(s.value("state"))
	if state != adminstore.AnyTask && !slices.Contains(adminstore.TaskStates(), state) {
		s.err = errNotFound // the query can contain any text
	}
	f := adminstore.TaskFilter{
		State: state, Plan: s.value("plan"), Country: s.country(),
		Outcomes: valuesOf(&s.listing, "outcome", tasks.AllOutcomes()),
		Since:    s.time("since", csvfile.ParseTime),
		Until:    s.time("until", csvfile.ParseEnd), // a date stands for the end of that day
	}
	s.order, s.position = taskOrder(state), f.Position
	s.read = func(p adminstore.Page) (adminstore.List, error) { return r.AdminStore.Tasks(r.req.Context(), f, p) }
	return s
}

// taskOrder returns the order of a list of tasks. A list of open or suspect tasks begins with the oldest task, because
// operators process these tasks in that order.
func taskOrder(s adminstore.TaskState) adminstore.Order {
	switch s {
	case adminstore.OpenTask, adminstore.WaitingTask, adminstore.RunningTask, adminstore.RetryingTask, adminstore.SuspectTask:
		return adminstore.Oldest
	case adminstore.AnyTask, adminstore.EndedTask, adminstore.FailedTask:
	}
	return adminstore.Newest
}

func (r *request) listTasks() error {
	s := r.selectTasks()
	found, err := s.page(r)
	if err != nil {
		return err
	}
	l := taskList{listing: s.listing, State: adminstore.TaskState(s.value("state"))}
	l.States = append([]adminstore.TaskState{adminstore.AnyTask}, adminstore.TaskStates()...)
	var ids []string
	for _, v := range found {
		l.Tasks, ids = append(l.Tasks, newTaskRow(*v.Task)), append(ids, v.Task.ID)
	}
	l.bulkForm = r.newBulkForm("task", ids, map[string]bool{
		"retry":   slices.Contains([]adminstore.TaskState{adminstore.OpenTask, adminstore.WaitingTask, adminstore.RetryingTask}, l.State),
		"resolve": l.State == adminstore.SuspectTask,
	})
	return r.render(http.StatusOK, page{"tasks", "Tasks", "tasks", l})
}

func (r *request) exportTasks() error {
	row := func(v tasks.Snapshot) (view.Task, tasks.Task) {
		t := *v.Task
		if !r.exportsCodes() {
			t.Code = view.Mask(t.Code)
		}
		return view.NewTask(t), t
	}
	return export(r, r.selectTasks(), "tasks", true, row, csvfile.WriteTasks)
}

type taskPage struct {
	taskRow
	Actions []action
}

func (r *request) newTaskPage(v tasks.Snapshot) taskPage {
	return taskPage{newTaskRow(*v.Task), r.taskActions(v)}
}

func (r *request) showTask() error {
	found, err := r.taskByID(r.req.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, page{"task", "Task " + found.Task.ID, "tasks", r.newTaskPage(found)})
}

type activityList struct {
	listing
	Entries []view.ActivityEntry
}

// selectActivity returns the list of the entries of the audit log that the query selects. The list is empty if the
// console has no store of these entries.
func (r *request) selectActivity() (s selection[activity.Entry]) {
	s.listing = r.newListing("/console/activity", nil,
		filterField{Name: "actor", Label: "Who"},
		filterField{Name: "action", Label: "What", Options: toOptions(activity.Actions())},
		filterField{Name: "subject", Label: "Key, task, plan or order"}, sinceField, untilField,
		filterField{Name: "sort", Label: "Order", Options: []option{{"", "newest first"}, {string(adminstore.Oldest), "oldest first"}}})
	f := activity.Filter{Actor: s.value("actor"), Action: activity.Action(s.value("action")), Subject: s.value("subject")}
	if f.Action != "" && !slices.Contains(activity.Actions(), f.Action) {
		s.fail("There is no action with that name.")
	}
	f.Since, f.Until = s.time("since", csvfile.ParseTime), s.time("until", csvfile.ParseEnd)
	if s.order = adminstore.Newest; s.value("sort") == string(adminstore.Oldest) {
		s.order = adminstore.Oldest
	}
	s.position = f.Position
	s.read = func(p adminstore.Page) (activity.List, error) {
		if r.Activity == nil {
			return activity.List{}, nil
		}
		return r.Activity.Activity(r.req.Context(), f, p)
	}
	return s
}

func (r *request) listActivity() error {
	s := r.selectActivity()
	found, err := s.page(r)
	if err != nil {
		return err
	}
	l := activityList{listing: s.listing}
	for _, e := range found {
		l.Entries = append(l.Entries, view.NewActivityEntry(e))
	}
	return r.render(http.StatusOK, page{"activity", "Activity", "activity", l})
}

func (r *request) exportActivity() error {
	row := func(e activity.Entry) (view.ActivityEntry, activity.Entry) { return view.NewActivityEntry(e), e }
	return export(r, r.selectActivity(), "activity", false, row, csvfile.WriteActivity)
}
