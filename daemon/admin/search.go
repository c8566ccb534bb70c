package admin

import (
	"time"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// searchLimit is the maximum number of results of each kind.
const searchLimit = 20

// A searchResult is the result of a search. Keys has the keys that match by their code.
type searchResult struct {
	Keys      []view.Key  `json:"keys"`
	Orders    []view.Key  `json:"orders"`
	Usernames []view.Key  `json:"usernames"`
	Tasks     []view.Task `json:"tasks"`
	Plans     []view.Plan `json:"plans"`
}

// search finds keys, tasks and plans by a text. Only a client that may list whole codes finds keys by the beginning
// of the code.
func (c *call) search() (response, error) {
	q := c.parseQuery("q")
	s := adminstore.ParseSearch(q.values.Get("q"), c.token.Role.Allows(Export), searchLimit)
	if s.Text == "" {
		q.fail("q must be the text to search")
	}
	if q.err != nil {
		return response{}, q.err
	}
	found, err := c.AdminStore.Search(c.r.Context(), s)
	if err != nil {
		return response{}, err
	}
	c.discloseList(len(found.Codes) + len(found.Orders) + len(found.Usernames) + len(found.Tasks))
	result, now := searchResult{
		Keys: c.shownKeys(found.Codes), Orders: c.shownKeys(found.Orders), Usernames: c.shownKeys(found.Usernames),
		Tasks: c.shownTasks(found.Tasks), Plans: []view.Plan{},
	}, time.Now()
	for _, p := range found.Plans {
		result.Plans = append(result.Plans, view.NewPlan(p, now))
	}
	return okResponse(result, nil)
}
