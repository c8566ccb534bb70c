package holderpage

import (
	"encoding/json"
	"net/http"

	"github.com/keyseat/keyseat/daemon"
)

// A Country is one that an account can be of.
type Country struct {
	Name  string `json:"country"`
	Code  string `json:"country_code"`
	Slots int    // that are free
}

// A Stock is what the page knows of countries, in the order of their names.
type Stock struct {
	Known  bool      // false: the API could not tell, and every country is among Others
	Free   []Country // with a free slot
	Others []Country // without one
}

// stock asks for the free slots.
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
