package shown

import "github.com/keyseat/keyseat/stock"

// A Level is the slot counts of a country. Idle slots are free slots of plans that are out of
// stock.
type Level struct {
	Country stock.Country `json:"country"`
	Size    int           `json:"size"`
	Free    int           `json:"free"`
	Held    int           `json:"held"`
	Spent   int           `json:"spent"`
	Suspect int           `json:"suspect"`
	Idle    int           `json:"idle"`
}
