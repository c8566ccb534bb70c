package client

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// An Info is the state of a key. Its Shape determines which of the last four fields it has.
type Info struct {
	Shape   keys.InfoShape
	Status  keys.Status
	Message string // the reason why an upgrade or renew failed, for people, or ""

	Used         bool
	PurchaseDate time.Time // zero: not known
	UsedDate     time.Time // the time of the last upgrade that succeeded; zero: not known

	Invite  string // shape keys.ByInvite: an invite to join a plan manually, at Address
	Address string

	Username      string // shape keys.ByAccount: the account in the plan, "" if not known
	VerifyAddress string // the address of that plan
}

// Open reports whether an upgrade or renew of the key is still open.
func (i Info) Open() bool { return i.Status == keys.InQueue }

// Outcome returns the outcome of the key's latest upgrade or renew. It returns "" in these cases:
//
//   - The key had no upgrade or renew.
//   - The latest one is open.
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

// The pauses between two polls of a key. Each is 1.5 times as long as the one before, because a task
// that has taken long will probably take longer.
const (
	firstPoll = 200 * time.Millisecond
	lastPoll  = 5 * time.Second
)

// Wait calls Info until no upgrade or renew of the key is open, and returns the last info. [Info.Outcome]
// returns how the task ended.
//
// Use a context with a deadline, because a task may take a quarter of an hour. If the context ends, Wait
// returns its error and the latest info. Wait continues after [ErrNoResponse] and after a [RetryLaterError];
// it returns any other error.
func (c *Client) Wait(ctx context.Context, code keys.Code) (Info, error) {
	var last Info
	for pause := firstPoll; ; pause = min(pause*3/2, lastPoll) {
		info, err := c.Info(ctx, code)
		retryLater, isRetryLater := errors.AsType[*RetryLaterError](err)
		switch {
		case err == nil && !info.Open():
			return info, nil
		case err == nil:
			last = info
		case isRetryLater:
			pause = max(pause, retryLater.RetryAfter)
		case !errors.Is(err, ErrNoResponse):
			return info, err
		}
		if err := clock.Sleep(ctx, pause); err != nil {
			return last, err
		}
	}
}
