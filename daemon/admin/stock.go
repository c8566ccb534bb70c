package admin

import "github.com/keyseat/keyseat/daemon/view"

// levels is the body of the answer to GET /stock.
type levels struct {
	Stock []view.Level `json:"stock"`
}

func (c *call) stock() (answer, error) {
	all, err := c.Engine.Stock(c.r.Context())
	if err != nil {
		return answer{}, err
	}
	body := levels{Stock: []view.Level{}}
	for _, l := range all {
		body.Stock = append(body.Stock, view.Level(l))
	}
	return found(body)
}
