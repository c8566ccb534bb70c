package view

import (
	"time"

	"github.com/keyseat/keyseat/stock"
)

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

// A Plan is a plan and its slots. Its state is live, or the reason why it is out of stock: retired,
// expired, full or invalid.
type Plan struct {
	ID        string        `json:"id"`
	Country   stock.Country `json:"country"`
	State     string        `json:"state"`
	Slots     int           `json:"slots"`
	Free      int           `json:"free"`
	Held      int           `json:"held"`
	Spent     int           `json:"spent"`
	Suspect   int           `json:"suspect"`
	ExpiresAt Time          `json:"expires_at"`
	Address   string        `json:"address"`
	Invite    string        `json:"invite"`
}

// NewPlan converts a plan, with its state at the given time.
func NewPlan(p stock.Plan, now time.Time) Plan {
	return Plan{
		p.ID, p.Country, planState(p, now), p.Size, p.Free(), p.Held, p.Spent, p.Suspect,
		Time(p.ExpiresAt), p.Address, p.Invite,
	}
}

func planState(p stock.Plan, now time.Time) string {
	switch {
	case p.Available(now):
		return "live"
	case p.Retired:
		return "retired"
	case p.Fault != "":
		return string(p.Fault)
	}
	return string(stock.Expired)
}
