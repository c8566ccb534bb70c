package console

import (
	"net/http"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

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
