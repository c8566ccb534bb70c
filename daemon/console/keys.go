package console

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A keyList is one page of a list of keys.
type keyList struct {
	listing
	Keys    []keyRow
	PageIDs string   // the references to the page's keys
	Bulk    []action // the actions on several keys
}

// A keyRow is a key with a masked code, and the URL of its page.
type keyRow struct {
	view.Key
	Reference string
	URL       string
}

// newKeyRow returns the row of a key.
func (r *request) newKeyRow(v tasks.Snapshot) (keyRow, error) {
	reference, err := view.SealCode(r.Engine.Sealer, v.Key.Code)
	return keyRow{view.NewKey(v).Masked(), reference, keyURL(reference)}, err
}

// yesNo are the options of a field for a property that a key has or has not.
var yesNo = []option{{"", "any"}, {"yes", "yes"}, {"no", "no"}}

// parseYesNo returns the property of a field, or nil for any.
func parseYesNo(text string) *bool {
	if text == "" {
		return nil
	}
	return new(text == "yes")
}

// keyFilter returns the frame and the filter of the list of keys that the query selects.
func (r *request) keyFilter() (l listing, f adminstore.KeyFilter, err error) {
	l = r.newListing("/console/keys", nil,
		filterField{Name: "order", Label: "Order"},
		filterField{Name: "status", Label: "Status", Options: toOptions(keys.Statuses())},
		filterField{Name: "used", Label: "Used", Options: yesNo}, filterField{Name: "revoked", Label: "Revoked", Options: yesNo},
		filterField{Name: "country", Label: "Country", Hint: "US"}, filterField{Name: "plan", Label: "Plan"},
		filterField{Name: "bought_after", Label: "Bought after", Hint: "2026-11-29"})
	if order := l.value("order"); order != "" {
		f.OrderID = &order
	}
	f.Used, f.Revoked, f.Plan = parseYesNo(l.value("used")), parseYesNo(l.value("revoked")), l.value("plan")
	country, err := parseFilterCountry(l.value("country"))
	f.Country = stock.Country(country)
	if err == nil {
		f.Statuses, err = parseList("status", l.value("status"), keys.Statuses())
	}
	if err == nil {
		f.BoughtAfter, err = parseFilterTime("Bought after", l.value("bought_after"), csvfile.ParseTime)
	}
	return l, f, err
}

// listKeys lists the keys that the query selects, the newest first.
func (r *request) listKeys() error {
	frame, f, err := r.keyFilter()
	if err != nil {
		return err
	}
	p := r.page(adminstore.Newest)
	list, err := r.AdminStore.Keys(r.req.Context(), f, p)
	if err != nil {
		return err
	}
	l := keyList{listing: frame, Bulk: r.permitted(selectActions("key", map[string]bool{"revoke": true, "restore": f.Revoked != nil && *f.Revoked}))}
	var references []string
	for _, found := range list.Entries {
		row, err := r.newKeyRow(found)
		if err != nil {
			return err
		}
		l.Keys, references = append(l.Keys, row), append(references, row.Reference)
	}
	l.PageIDs = strings.Join(references, ",")
	next, previous := list.Neighbors(p, func(v tasks.Snapshot) adminstore.Position { return f.Position(p.Order, v) })
	if err := l.setLinks(r, next, previous); err != nil {
		return err
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
