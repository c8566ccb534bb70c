package admin

import "github.com/keyseat/keyseat/daemon/shown"

// levels is the body of the answer to GET /stock.
type levels struct {
	Stock []shown.Level `json:"stock"`
}

func (c *call) stock() (answer, error) {
	all, err := c.Engine.Stock(c.r.Context())
	if err != nil {
		return answer{}, err
	}
	body := levels{Stock: []shown.Level{}}
	for _, l := range all {
		body.Stock = append(body.Stock, shown.Level(l))
	}
	return found(body)
}
