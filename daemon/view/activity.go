package view

import "github.com/keyseat/keyseat/tasks/activity"

// An ActivityEntry is an entry of the audit log.
type ActivityEntry struct {
	ID      string          `json:"id"`
	At      Time            `json:"at"`
	Actor   string          `json:"actor"`
	Address string          `json:"address"` // of the client; "" for the command line
	Action  activity.Action `json:"action"`
	Key     string          `json:"key"` // the fingerprint
	Task    string          `json:"task"`
	Plan    string          `json:"plan"`
	OrderID string          `json:"order_id"`
	Count   int             `json:"count"`
	Error   string          `json:"error"` // "": the action succeeded
}

// NewActivityEntry converts an entry.
func NewActivityEntry(e activity.Entry) ActivityEntry {
	return ActivityEntry{
		e.ID, Time(e.At), e.Actor, e.Address, e.Action, e.Key, e.Task, e.Plan, e.OrderID, e.Count, visible(e.Error),
	}
}
