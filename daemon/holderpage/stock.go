package holderpage

import (
	"encoding/json"
	"net/http"

	"github.com/keyseat/keyseat/daemon"
)

// A Country is a possible country of an account.
type Country struct {
	Name  string `json:"country"`
	Code  string `json:"country_code"`
	Slots int    // the number of free slots
}

// A Stock lists all countries, sorted by name within each list.
type Stock struct {
	Known  bool      // false: the API did not return the stock, and Others lists every country
	Free   []Country // the countries with a free slot
	Others []Country // the countries without a free slot
}

// stock calls the API for the free slots.
func (p *Page) stock(r *http.Request) (Stock, reply) {
	said := p.ask(call(r, http.MethodGet, "stock", http.NoBody))
	var s Stock
	s.Known = said.code == http.StatusOK && json.Unmarshal(said.body.Bytes(), &s.Free) == nil
	free := make(map[string]bool, len(s.Free))
	for _, c := range s.Free {
		free[c.Code] = true
	}
	for _, c := range daemon.Countries() {
		if !free[string(c)] {
			s.Others = append(s.Others, Country{Name: daemon.CountryName(c), Code: string(c)})
		}
	}
	return s, said
}
