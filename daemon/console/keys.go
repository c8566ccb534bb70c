package console

import (
	"net/http"
	"net/url"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// rows is the number of lines per page of a list.
const rows = 50

// A keyList is one page of the list of keys.
type keyList struct {
	Keys  []view.Key
	Query string // the search text, if nothing was found
	Next  string // URL of the next page, "" on the last page
}

// keys lists keys in the order of their codes. If the query has q, it searches for a key or a task.
func (v *visit) keys() error {
	query := v.r.URL.Query()
	if text := keys.Trim(query.Get("q")); text != "" {
		return v.search(text)
	}
	after, err := keys.Parse(query.Get("after"))
	if err != nil {
		after = "" // an invalid cursor shows the first page
	}
	views, err := v.AdminStore.Keys(v.r.Context(), after, rows)
	if err != nil {
		return err
	}
	var l keyList
	for _, found := range views {
		l.Keys = append(l.Keys, view.NewKey(found))
	}
	if len(views) == rows {
		l.Next = "/console/keys?after=" + url.QueryEscape(string(views[rows-1].Key.Code))
	}
	return v.show(http.StatusOK, page{"keys", "Keys", "keys", l})
}

// search redirects to the key with the given code, or else to the task with the given id. The code may be
// written as people type it. If neither exists, it shows an empty list with status 404.
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

// byCode reads the key with the given code. A malformed code gives an empty snapshot, as an unknown key
// does.
func (v *visit) byCode(text string) (tasks.Snapshot, error) {
	code, err := keys.ParseTyped(text)
	if err != nil {
		return tasks.Snapshot{}, nil //nolint:nilerr // it was looked for, and there is none
	}
	return v.Engine.Snapshot(v.r.Context(), code)
}

// A keyPage is the content of a key's page: all facts about the key and the possible actions.
type keyPage struct {
	view.KeyDetail
	Acts   []act
	Latest taskPage // empty if the key never had a task
}

// key shows the explanation of a key, as the command keyseatd keys show does.
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
	k := keyPage{KeyDetail: view.NewKeyDetail(found, history), Acts: ofKey(found)}
	if found.Task != nil {
		k.Latest = newTaskPage(found)
	}
	return v.show(http.StatusOK, page{"key", "Key", "keys", k})
}
