package tasks

import (
	"context"
	"strconv"

	"github.com/keyseat/keyseat/stock"
)

// A Connector carries tasks out at the provider. The package connectortest holds one to this
// contract.
type Connector interface {
	// Do asks for one task, and returns when there is an answer, at the latest soon after the
	// context has ended. Any number of goroutines call it at once. It is called again for the same
	// task, perhaps at the same time by another process: an order with a key that was seen before must
	// have no second effect and the first answer. What it cannot tell it answers with [Unknown], never
	// with a guess; neither its answer nor its logs hold a secret.
	Do(ctx context.Context, o ConnectorRequest) ConnectorResult
}

// A ConnectorRequest is what a connector is asked to do.
type ConnectorRequest struct {
	Task    string // its id
	Kind    Kind
	Country stock.Country // "" of a renew that was sent without one
	Ordinal int           // of the plan among those of this task, from 1
	Attempt int           // counts every asking of the task, from 1
	Plan    PlanSnapshot  // to put the account into; zero for a renew
	Account Account
}

// IdempotencyKey is the idempotency key: one per task and plan.
func (o ConnectorRequest) IdempotencyKey() string { return o.Task + "-" + strconv.Itoa(o.Ordinal) }

// connectorRequest asks the task for the account.
func (t Task) connectorRequest(a Account) ConnectorRequest {
	return ConnectorRequest{
		Task: t.ID, Kind: t.Kind, Country: t.Country,
		Ordinal: t.Ordinal, Attempt: t.Attempts, Plan: t.Plan, Account: a,
	}
}

// A Sealer encrypts what no store may see. What was sealed with some bound bytes opens with the
// same bytes only. Its errors hold nothing of what it was given. Many goroutines use it at once.
type Sealer interface {
	Seal(plain, bound []byte) ([]byte, error)
	Open(sealed, bound []byte) ([]byte, error)
}
