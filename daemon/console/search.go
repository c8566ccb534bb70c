package console

import (
	"net/http"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// maxFound is the number of results of each kind that a search shows.
const maxFound = 20

// searchResults are the results of a search, by what matches.
type searchResults struct {
	Text   string
	Keys   []keyGroup
	Tasks  []taskRow
	Plans  []planRow
	Number int      // of all results
	Acts   bool     // the operator may change plans
	Bulk   []action // always empty: the list of plans has the field
}

// A keyGroup holds the keys that match in the same way.
type keyGroup struct {
	Name string
	Keys []keyRow
	Full bool     // there may be more such keys
	Bulk []action // always empty, as in searchResults
}

// search finds keys, tasks and plans by the text of the form. If only one key or only one task is found, it redirects
// to its page. The form is a POST, so that a code is in no URL.
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

// newSearchResults converts the results of a search. A whole code or the whole id of a task is the only result.
func (r *request) newSearchResults(text string, found adminstore.Found) (s searchResults, err error) {
	code, _ := keys.ParseTyped(text) // a malformed code equals none
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
		s.Plans = append(s.Plans, planRow{view.NewPlan(p, r.Now()), r.permitted(planActions(p, r.Now()))})
	}
	s.Number += len(s.Tasks) + len(s.Plans)
	return s, nil
}
