package console

import (
	"net/http"
	"net/url"

	"github.com/keyseat/keyseat/daemon/shown"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// rows is how many lines a list has on one page.
const rows = 50

// A keyList is a page of keys.
type keyList struct {
	Keys  []shown.Key
	Query string // what was looked for and not found
	Next  string // where the list goes on, "" for nowhere
}

// keys lists keys in the order of their codes, or finds one.
func (v *visit) keys() error {
	query := v.r.URL.Query()
	if text := keys.Trim(query.Get("q")); text != "" {
		return v.search(text)
	}
	after, err := keys.Parse(query.Get("after"))
	if err != nil {
		after = "" // the first page
	}
	views, err := v.AdminStore.Keys(v.r.Context(), after, rows)
	if err != nil {
		return err
	}
	var l keyList
	for _, found := range views {
		l.Keys = append(l.Keys, shown.NewKey(found))
	}
	if len(views) == rows {
		l.Next = "/console/keys?after=" + url.QueryEscape(string(views[rows-1].Key.Code))
	}
	return v.show(http.StatusOK, page{"keys", "Keys", "keys", l})
}

// search goes to the key of a code as people type it, or to the task with that id.
func (v *visit) search(text string) error {
	found, err := v.byCode(text)
	if err == nil && found.Key.Exists() {
		v.goTo(keyURL(found.Key.Code))
		return nil
	}
	task, err := v.byID(text)
	if err == nil && task.Task != nil {
		v.goTo(taskURL(task.Task.ID))
		return nil
	}
	if err != nil {
		return err
	}
	return v.show(http.StatusNotFound, page{"keys", "Keys", "keys", keyList{Query: text}})
}

// byCode reads the key of a code. What cannot be a code is no key's.
func (v *visit) byCode(text string) (tasks.Snapshot, error) {
	code, err := keys.ParseTyped(text)
	if err != nil {
		return tasks.Snapshot{}, nil //nolint:nilerr // it was looked for, and there is none
	}
	return v.Engine.Snapshot(v.r.Context(), code)
}

// A keyPage is all that is known of a key, and what can be done.
type keyPage struct {
	shown.KeyDetail
	Acts   []act
	Latest taskPage // if it ever had a task
}

// key shows a key's story, as keyseatd keys show tells it.
func (v *visit) key() error {
	found, err := v.byCode(v.r.URL.Query().Get("code"))
	if err != nil {
		return err
	}
	if !found.Key.Exists() {
		return tasks.ErrNoKey
	}
	history, err := v.AdminStore.History(v.r.Context(), found.Key.Code)
	if err != nil {
		return err
	}
	k := keyPage{KeyDetail: shown.NewKeyDetail(found, history), Acts: ofKey(found)}
	if found.Task != nil {
		k.Latest = newTaskPage(found)
	}
	return v.show(http.StatusOK, page{"key", "Key", "keys", k})
}
