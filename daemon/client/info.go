package client

import (
	"encoding/json"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// An Info is how a key stands. Its shape says which of the fields below the line it has.
type Info struct {
	Shape   keys.InfoShape
	Status  keys.Status
	Message string // why an upgrade or renew failed, for people; "" for nothing to say

	Used         bool
	PurchaseDate time.Time // zero: not known
	UsedDate     time.Time // of the last upgrade that succeeded; zero: not known

	Invite  string // keys.ByInvite: to join a plan by hand with, at that address
	Address string

	Username      string // keys.ByAccount: of the account in the plan, "" if it is not known
	VerifyAddress string // and of that plan
}

// Open says whether an upgrade or renew of the key has not ended yet.
func (i Info) Open() bool { return i.Status == keys.InQueue }

// Outcome is how the key's latest upgrade or renew has ended, "" if there was none, if it is open, or
// if the message is one that this package does not know.
func (i Info) Outcome() tasks.Outcome {
	kind := tasks.Upgrade
	switch i.Status {
	case keys.Active, keys.InQueue:
		return ""
	case keys.Success, keys.SuccessRenew:
		return tasks.Success
	case keys.Failed:
		kind = tasks.Renew
	case keys.FailedUpgrade:
	}
	for _, o := range tasks.Outcomes(kind) {
		if o != tasks.Success && o.Message(kind) == i.Message {
			return o
		}
	}
	return ""
}

// An infoBody is the answer to info, in any of its shapes. Those fields are pointers whose presence
// tells the shape, or that the answer is none.
type infoBody struct {
	Status        keys.Status `json:"status"`
	Message       *string     `json:"message"`
	Invite        *string     `json:"invite"`
	Address       string      `json:"address"`
	Username      *string     `json:"username"`
	VerifyAddress string      `json:"verify_address"`
	Used          *int        `json:"used"`
	PurchaseDate  time.Time   `json:"purchase_date"` // null leaves it zero
	UsedDate      time.Time   `json:"used_date"`
}

func readInfo(body []byte) (Info, error) {
	var b infoBody
	if json.Unmarshal(body, &b) != nil || b.Status == "" || b.Message == nil {
		return Info{}, ErrAnswer
	}
	if b.Status == statusNotExist {
		return Info{Shape: keys.NotFound}, &RefusedError{tasks.UnknownKey, *b.Message}
	}
	if b.Used == nil || *b.Used < 0 || *b.Used > 1 {
		return Info{}, ErrAnswer
	}
	i := Info{
		Shape: b.shape(), Status: b.Status, Message: *b.Message,
		Used: *b.Used == 1, PurchaseDate: b.PurchaseDate, UsedDate: b.UsedDate,
		Address: b.Address, VerifyAddress: b.VerifyAddress,
	}
	if b.Invite != nil {
		i.Invite = *b.Invite
	}
	if b.Username != nil {
		i.Username = *b.Username
	}
	return i, nil
}

func (b infoBody) shape() keys.InfoShape {
	switch {
	case b.Status == keys.FailedUpgrade || b.Status == keys.SuccessRenew:
		return keys.Reusable
	case b.Invite != nil:
		return keys.ByInvite
	case b.Username != nil:
		return keys.ByAccount
	}
	return keys.ByMessage
}
