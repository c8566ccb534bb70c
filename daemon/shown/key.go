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
	PurchaseDate  Time        `json:"purchase_date"`
	UsedDate      Time        `json:"used_date"`
	Invite        string      `json:"invite"`
	Address       string      `json:"address"`
	Username      string      `json:"username"`
	VerifyAddress string      `json:"verify_address"`
	Task          *Task       `json:"task"`
}

// NewKey converts the key of a snapshot, with its latest task.
func NewKey(v tasks.Snapshot) Key {
	k := v.Key
	shown := Key{
		Code: k.Code, Status: k.Status, Used: k.Used, Revoked: k.Revoked, Message: k.Message, OrderID: k.OrderID,
		PurchaseDate: Time(k.PurchaseDate), UsedDate: Time(k.UsedDate), Invite: k.Invite, Address: k.Address,
		Username: k.Username, VerifyAddress: k.VerifyAddress,
	}
	if v.Task != nil {
		shown.Task = new(NewTask(*v.Task))
	}
	return shown
}

// A KeyDetail is a key with an explanation of its state and its whole history.
type KeyDetail struct {
	Key
	Story   story.Explanation `json:"story"`
	History []Event           `json:"history"`
}

// NewKeyDetail converts the key of a snapshot, with its history.
func NewKeyDetail(v tasks.Snapshot, history []tasks.Event) KeyDetail {
	return KeyDetail{NewKey(v), story.Explain(v, history), NewEvents(history)}
}
