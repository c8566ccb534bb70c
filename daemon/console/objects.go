package console

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// pageSize is the number of lines per page of a list.
const pageSize = 50

// A keyList is one page of the list of keys.
type keyList struct {
	Keys  []view.Key
	Query string // the search text, if nothing was found
	Next  string // URL of the next page, "" on the last page
}

// listKeys lists keys in the order of their codes. If the query has q, it searches for a key or a task.
func (r *request) listKeys() error {
	query := r.req.URL.Query()
	if text := keys.Trim(query.Get("q")); text != "" {
		return r.search(text)
	}
	after, err := keys.Parse(query.Get("after"))
	if err != nil {
		after = "" // an invalid cursor shows the first page
	}
	views, err := r.AdminStore.Keys(r.req.Context(), after, pageSize)
	if err != nil {
		return err
	}
	var l keyList
	for _, found := range views {
		l.Keys = append(l.Keys, view.NewKey(found))
	}
	if len(views) == pageSize {
		l.Next = "/console/keys?after=" + url.QueryEscape(string(views[pageSize-1].Key.Code))
	}
	return r.render(http.StatusOK, page{"keys", "Keys", "keys", l})
}

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
		l.Plans = append(l.Plans, planRow{line, planActions(line)})
	}
	if len(plans) == pageSize {
		l.Next = "/console/plans?after=" + strconv.FormatInt(plans[pageSize-1].Seq, 10)
	}
	return r.render(http.StatusOK, page{"plans", "Plans", "plans", l})
}

// A taskList is one page of the list of tasks. Without a state it holds the newest tasks, the newest
// first.
type taskList struct {
	State adminstore.TaskFilter
	Tasks []view.Task
	Next  string
}

// listTasks lists the newest tasks, or the tasks in the state that the query names. Tasks in a state are
// listed with the oldest first, because operators process them in that order.
func (r *request) listTasks() (err error) {
	query := r.req.URL.Query()
	l := taskList{State: adminstore.TaskFilter(query.Get("state"))}
	switch l.State {
	case adminstore.AnyTask:
		l.Tasks, err = r.newest(r.req.Context(), r.Now(), pageSize)
	case adminstore.OpenTask, adminstore.SuspectTask, adminstore.EndedTask:
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
	after := tasks.Task{}
	if id != "" {
		found, err := r.taskByID(id)
		if err != nil {
			return err
		}
		if found.Task != nil {
			after = *found.Task
		}
	}
	views, err := r.AdminStore.Tasks(r.req.Context(), l.State, after, pageSize)
	if err != nil {
		return err
	}
	for _, found := range views {
		l.Tasks = append(l.Tasks, view.NewTask(*found.Task))
	}
	if len(views) == pageSize {
		l.Next = "/console/tasks?state=" + string(l.State) + "&after=" + url.QueryEscape(views[pageSize-1].Task.ID)
	}
	return nil
}

// A keyPage is the content of a key's page: all facts about the key and the possible actions.
type keyPage struct {
	view.KeyDetail
	Actions []action
	Latest  taskPage // empty if the key never had a task
}

// showKey shows the explanation of a key, as the command keyseatd keys show does.
func (r *request) showKey() error {
	found, err := r.keyByCode(r.req.URL.Query().Get("code"))
	if err != nil {
		return err
	}
	if !found.Key.Exists() {
		return tasks.ErrNoKey
	}
	history, err := r.AdminStore.History(r.req.Context(), found.Key.Code)
	if err != nil {
		return err
	}
	k := keyPage{KeyDetail: view.NewKeyDetail(found, history), Actions: keyActions(found)}
	if found.Task != nil {
		k.Latest = newTaskPage(found)
	}
	return r.render(http.StatusOK, page{"key", "Key", "keys", k})
}

// A taskPage is the content of a task's page: the task and the possible actions.
type taskPage struct {
	view.Task
	Actions []action
}

func newTaskPage(v tasks.Snapshot) taskPage { return taskPage{view.NewTask(*v.Task), taskActions(v)} }

func (r *request) showTask() error {
	found, err := r.taskByID(r.req.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	if found.Task == nil {
		return tasks.ErrNoTask
	}
	return r.render(http.StatusOK, page{"task", "Task", "tasks", newTaskPage(found)})
}

// search redirects to the key with the given code, or else to the task with the given id. The code may be
// written as people type it. If neither exists, it shows an empty list with status 404.
func (r *request) search(text string) error {
	found, err := r.keyByCode(text)
	if err == nil && found.Key.Exists() {
		r.redirect(keyURL(found.Key.Code))
		return nil
	}
	task, err := r.taskByID(text)
	if err == nil && task.Task != nil {
		r.redirect(taskURL(task.Task.ID))
		return nil
	}
	if err != nil {
		return err
	}
	return r.render(http.StatusNotFound, page{"keys", "Keys", "keys", keyList{Query: text}})
}

// keyByCode reads the key with the given code. A malformed code gives an empty snapshot, as an unknown key
// does.
func (r *request) keyByCode(text string) (tasks.Snapshot, error) {
	code, err := keys.ParseTyped(text)
	if err != nil {
		return tasks.Snapshot{}, nil //nolint:nilerr // a malformed code cannot exist
	}
	return r.Engine.Snapshot(r.req.Context(), code)
}

// taskByID reads the task with the given id. A malformed id gives an empty snapshot, as an unknown task
// does.
func (r *request) taskByID(id string) (tasks.Snapshot, error) {
	if !csvfile.ValidID(id) {
		return tasks.Snapshot{}, nil
	}
	return r.AdminStore.Task(r.req.Context(), id)
}
