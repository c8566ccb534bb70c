package client

import (
	"encoding/json"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// An Info is the state of a key. Shape determines which of the last four fields are set.
type Info struct {
	Shape   keys.InfoShape
	Status  keys.Status
	Message string // the reason why an upgrade or renew failed, for people, or ""

	Used         bool
	PurchaseDate time.Time // zero: not known
	UsedDate     time.Time // the time of the last upgrade that succeeded; zero: not known

	Invite  string // shape keys.ByInvite: an invite with which the holder joins a plan manually
	Address string // shape keys.ByInvite: the address of that plan

	Username      string // shape keys.ByAccount: the account in the plan, "" if not known
	VerifyAddress string // shape keys.ByAccount: the address of the plan
}

// Open reports whether an upgrade or renew of the key is still open.
func (i Info) Open() bool { return i.Status == keys.InQueue }

// Outcome returns the outcome of the key's latest upgrade or renew. It returns "" in these cases:
//
//   - The key had no upgrade or renew.
//   - The latest upgrade or renew is open.
//   - This package does not know the message.
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

// An infoBody is the response of info in any of its shapes. The presence of the pointer fields determines
// the shape, or shows that the response is invalid.
type infoBody struct {
	Status        keys.Status `json:"status"`
	Message       *string     `json:"message"`
	Invite        *string     `json:"invite"`
	Address       string      `json:"address"`
	Username      *string     `json:"username"`
	VerifyAddress string      `json:"verify_address"`
	Used          *int        `json:"used"`
	PurchaseDate  time.Time   `json:"purchase_date"` // null: the zero time
	UsedDate      time.Time   `json:"used_date"`
}

func parseInfo(body []byte) (Info, error) {
	var b infoBody
	if json.Unmarshal(body, &b) != nil || b.Status == "" || b.Message == nil {
		return Info{}, ErrInvalidResponse
	}
	if b.Status == statusNotExist {
		return Info{Shape: keys.NotFound}, &RefusedError{tasks.UnknownKey, *b.Message}
	}
	if b.Used == nil || *b.Used < 0 || *b.Used > 1 {
		return Info{}, ErrInvalidResponse
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
