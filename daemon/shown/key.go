package shown

import (
	"github.com/keyseat/keyseat/daemon/story"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// A Key is a key and its latest task.
type Key struct {
	Code          keys.Code   `json:"code"`
	Status        keys.Status `json:"status"`
	Used          bool        `json:"used"`
	Revoked       bool        `json:"revoked"`
	Message       string      `json:"message"`
	OrderID       string      `json:"order_id"`
	PurchaseDate  Moment      `json:"purchase_date"`
	UsedDate      Moment      `json:"used_date"`
	Invite        string      `json:"invite"`
	Address       string      `json:"address"`
	Username      string      `json:"username"`
	VerifyAddress string      `json:"verify_address"`
	Task          *Task       `json:"task"`
}

// NewKey shows the view's key.
func NewKey(v tasks.View) Key {
	k := v.Key
	shown := Key{
		Code: k.Code, Status: k.Status, Used: k.Used, Revoked: k.Revoked, Message: k.Message, OrderID: k.OrderID,
		PurchaseDate: Moment(k.PurchaseDate), UsedDate: Moment(k.UsedDate), Invite: k.Invite, Address: k.Address,
		Username: k.Username, VerifyAddress: k.VerifyAddress,
	}
	if v.Task != nil {
		shown.Task = new(NewTask(*v.Task))
	}
	return shown
}

// A WholeKey is all that is known of a key: how it stands in words, and its whole history.
type WholeKey struct {
	Key
	Story   story.Story `json:"story"`
	History []Event     `json:"history"`
}

// NewWholeKey shows all of the view's key.
func NewWholeKey(v tasks.View, history []tasks.Event) WholeKey {
	return WholeKey{NewKey(v), story.Tell(v, history), NewEvents(history)}
}
