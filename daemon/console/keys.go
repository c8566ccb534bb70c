package console

import (
	"io"
	"iter"
	"log/slog"
	"net/http"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

type keyList struct {
	listing
	bulkForm
	Keys []keyRow
}

// A keyRow is a key with a masked code, and the URL of its page.
type keyRow struct {
	view.Key
	Reference string
	URL       string
}

func (r *request) newKeyRow(v tasks.Snapshot) (keyRow, error) {
	reference, err := view.SealCode(r.Engine.Sealer, v.Key.Code)
	return keyRow{view.NewKey(v).Masked(), reference, keyURL(reference)}, err
}

// yesNo are the options of a field for a property that a key has or has not.
var yesNo = []option{{"", "any"}, {"yes", "yes"}, {"no", "no"}}

// parseYesNo parses the value of a field with the options yesNo. It returns nil for the option "any".
func (l *listing) parseYesNo(name string) *bool {
	switch f := l.field(name); f.Value {
	case "":
		return nil
	case "yes", "no":
		return new(f.Value == "yes")
	default:
		l.fail(f.Label + " must be yes or no.")
		return nil
	}
}

// selectKeys returns the list of the keys that the query selects, the newest first.
func (r *request) selectKeys() (s selection[tasks.Snapshot]) {
	s.listing = r.newListing("/console/keys", nil,
		filterField{Name: "order", Label: "Order"},
		filterField{Name: "status", Label: "Status", Options: toOptions(keys.Statuses())},
		filterField{Name: "used", Label: "Used", Options: yesNo},
		filterField{Name: "revoked", Label: "Revoked", Options: yesNo},
		countryField, planField,
		filterField{Name: "bought_after", Label: "Bought after", Hint: "2026-11-29"})
	f := adminstore.KeyFilter{
		Used: s.parseYesNo("used"), Revoked: s.parseYesNo("revoked"), Plan: s.value("plan"),
		Country: s.country(), Statuses: valuesOf(&s.listing, "status", keys.Statuses()),
		BoughtAfter: s.time("bought_after", csvfile.ParseTime),
	}
	if order := s.value("order"); order != "" {
		f.OrderID = &order
	}
	s.order = adminstore.Newest
	s.read = func(p adminstore.Page) (adminstore.List, error) { return r.AdminStore.Keys(r.req.Context(), f, p) }
	s.position = func(v tasks.Snapshot) adminstore.Position { return f.Position(s.order, v) }
	return s
}

func (r *request) listKeys() error {
	s := r.selectKeys()
	found, err := s.page(r)
	if err != nil {
		return err
	}
	l := keyList{listing: s.listing}
	var references []string
	for _, v := range found {
		row, err := r.newKeyRow(v)
		if err != nil {
			return err
		}
		l.Keys, references = append(l.Keys, row), append(references, row.Reference)
	}
	l.bulkForm = r.newBulkForm("key", references, map[string]bool{"revoke": true, "restore": s.value("revoked") == "yes"})
	return r.render(http.StatusOK, page{"keys", "Keys", "keys", l})
}

func (r *request) exportKeys() error {
	row := func(v tasks.Snapshot) (view.Key, keys.Key) {
		shown := view.NewKey(v)
		if !r.exportsCodes() {
			shown = shown.Masked()
		}
		v.Key.Code = shown.Code
		return shown, v.Key
	}
	return export(r, r.selectKeys(), "keys", true, row, func(w io.Writer, all iter.Seq2[keys.Key, error]) error {
		return csvfile.WriteKeys(w, all, true)
	})
}

// A keyPage is the content of a key's page: all facts about the key and the possible actions.
type keyPage struct {
	view.KeyDetail
	Reference string
	Actions   []action
	Latest    taskPage // empty if the key never had a task
}

// showKey shows the page of a key. If the role of the operator allows it, the page has the whole code, and the audit
// log records that. When an open page is refreshed, the response has no code, because the open page still has it.
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
	k := keyPage{KeyDetail: view.NewMaskedKeyDetail(found, history), Actions: r.keyActions(found)}
	k.Explanation = view.ExplainInConsole(found, history)
	k.Fingerprint = r.Engine.Fingerprints.Fingerprint(code)
	if k.Reference, err = view.SealCode(r.Engine.Sealer, code); err != nil {
		return err
	}
	if r.token.Role.ShowsCode() && !r.isRefresh() {
		k.Code = code
		r.audit("show key", r.token, slog.String("key", k.Fingerprint), slog.Int("count", 1))
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

// maxFound is the number of results of each kind that a search shows.
const maxFound = 20

type searchResults struct {
	Text     string
	Keys     []keyGroup
	Tasks    []taskRow
	Plans    []planRow
	Number   int  // number of all results
	Acts     bool // the operator may change plans
	bulkForm      // has no buttons; the templates of the rows need this field
}

// A keyGroup holds the keys that match in the same way.
type keyGroup struct {
	Name     string
	Keys     []keyRow
	Full     bool // there may be more keys that match in this way
	bulkForm      // has no buttons; the templates of the rows need this field
}

// search finds keys, tasks and plans by the text of the form. If the only result is a key or a task, it redirects to
// the page of that key or task. The form is a POST, so that no URL contains a code.
func (r *request) search() error {
	text := keys.Trim(r.req.PostFormValue("q"))
	found, err := r.AdminStore.Search(r.req.Context(), adminstore.ParseSearch(text, r.token.Role.Allows(admin.Export), maxFound))
	if err != nil {
		return err
	}
	all, err := r.newSearchResults(text, found)
	if err != nil {
		return err
	}
	switch {
	case all.Number == 0:
		return r.render(http.StatusNotFound, page{"search", "Search", "", all})
	case all.Number == 1 && len(all.Tasks) == 1:
		r.redirect(taskURL(all.Tasks[0].ID))
	case all.Number == 1 && len(all.Keys) == 1:
		r.redirect(all.Keys[0].Keys[0].URL)
	default:
		return r.render(http.StatusOK, page{"search", "Search", "", all})
	}
	return nil
}

// newSearchResults converts the results of a search. For a whole code or task id, that key or task is the only result.
func (r *request) newSearchResults(text string, found adminstore.Found) (s searchResults, err error) {
	code, _ := keys.ParseTyped(text) // for a malformed text it is "", which no key has
	if len(found.Codes) > 0 && found.Codes[0].Key.Code == code {
		found = adminstore.Found{Codes: found.Codes[:1]}
	} else if len(found.Tasks) > 0 && found.Tasks[0].Task.ID == text {
		found = adminstore.Found{Tasks: found.Tasks[:1]}
	}
	s.Text, s.Acts = text, r.token.Role.Allows(admin.Write)
	for _, group := range []struct {
		name string
		keys []tasks.Snapshot
	}{{"By code", found.Codes}, {"By order", found.Orders}, {"By username", found.Usernames}} {
		g := keyGroup{Name: group.name, Full: len(group.keys) == maxFound}
		for _, v := range group.keys {
			row, err := r.newKeyRow(v)
			if err != nil {
				return s, err
			}
			g.Keys = append(g.Keys, row)
		}
		if s.Number += len(g.Keys); len(g.Keys) > 0 {
			s.Keys = append(s.Keys, g)
		}
	}
	for _, v := range found.Tasks {
		s.Tasks = append(s.Tasks, newTaskRow(*v.Task))
	}
	for _, p := range found.Plans {
		s.Plans = append(s.Plans, r.newPlanRow(p))
	}
	s.Number += len(s.Tasks) + len(s.Plans)
	return s, nil
}
