package console

import (
	"log/slog"
	"net/http"
	"net/url"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A keyList is one page of the list of keys.
type keyList struct {
	Keys  []keyRow
	Query string // the search text, if nothing was found
	Next  string // URL of the next page, "" on the last page
	First bool   // the page is the first one
}

// A keyRow is a key with a masked code, and the URL of its page.
type keyRow struct {
	view.Key
	URL string
}

// listKeys lists keys in the order of their codes.
func (r *request) listKeys() error {
	after, err := view.OpenCode(r.Engine.Sealer, r.req.URL.Query().Get("after"))
	if err != nil {
		after = "" // an invalid cursor shows the first page
	}
	list, err := r.AdminStore.Keys(r.req.Context(), adminstore.KeyFilter{}, adminstore.Page{After: adminstore.Position{ID: string(after)}, Limit: pageSize})
	if err != nil {
		return err
	}
	l := keyList{First: after == ""}
	last := ""
	for _, found := range list.Entries {
		if last, err = view.SealCode(r.Engine.Sealer, found.Key.Code); err != nil {
			return err
		}
		l.Keys = append(l.Keys, keyRow{view.NewKey(found).Masked(), keyURL(last)})
	}
	if !list.Next.IsZero() {
		l.Next = "/console/keys?after=" + url.QueryEscape(last)
	}
	return r.render(http.StatusOK, page{"keys", "Keys", "keys", l})
}

// A keyPage is the content of a key's page: all facts about the key and the possible actions.
type keyPage struct {
	view.KeyDetail
	Reference string
	Actions   []action
	Latest    taskPage // empty if the key never had a task
}

// showKey shows the explanation of a key. It shows the whole code only if the role of the operator allows that, and
// then logs it. A refresh of an open page does not replace the code, so it does not get the code.
func (r *request) showKey() error {
	code, err := r.codeOfPage()
	if err != nil {
		return err
	}
	found, err := r.Engine.Snapshot(r.req.Context(), code)
	if err != nil {
		return err
	}
	if !found.Key.Exists() {
		return tasks.ErrNoKey
	}
	history, err := r.AdminStore.History(r.req.Context(), code)
	if err != nil {
		return err
	}
	k := keyPage{KeyDetail: view.NewMaskedKeyDetail(found, history), Actions: r.permitted(keyActions(found))}
	k.Explanation = view.ExplainInConsole(found, history)
	if k.Reference, err = view.SealCode(r.Engine.Sealer, code); err != nil {
		return err
	}
	if r.token.Role.ShowsCode() && !r.isRefresh() {
		k.Code = code
		r.audit("show key", r.token, slog.String("key", r.Engine.Fingerprints.Fingerprint(code)), slog.Int("count", 1))
	}
	if found.Task != nil {
		k.Latest = r.newTaskPage(found)
	}
	return r.render(http.StatusOK, page{"key", "Key " + string(view.Mask(code)), "keys", k})
}

// codeOfPage returns the code of the key that the URL of the page names, by a reference or by one of its tasks.
func (r *request) codeOfPage() (keys.Code, error) {
	query := r.req.URL.Query()
	if id := query.Get("task"); id != "" {
		found, err := r.taskByID(id)
		if err == nil && found.Task == nil {
			err = tasks.ErrNoTask
		}
		if err != nil {
			return "", err
		}
		return found.Task.Code, nil
	}
	code, err := view.OpenCode(r.Engine.Sealer, query.Get("key"))
	if err != nil {
		return "", tasks.ErrNoKey
	}
	return code, nil
}

// search redirects to the key with the code of the form, or else to the task with that id. The code may be
// written as people type it. If neither exists, it shows an empty list with status 404. The form is a POST, so
// that the code is in no URL.
func (r *request) search() error {
	text := keys.Trim(r.req.PostFormValue("q"))
	found, err := r.keyByCode(text)
	if err == nil && found.Key.Exists() {
		reference, err := view.SealCode(r.Engine.Sealer, found.Key.Code)
		if err != nil {
			return err
		}
		r.redirect(keyURL(reference))
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
