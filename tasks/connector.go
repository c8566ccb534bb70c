package tasks

import (
	"context"
	"strconv"
	"strings"
	"unicode"

	"github.com/keyseat/keyseat/stock"
)

// A Connector carries out tasks at the provider. The package connectortest tests whether a connector
// fulfils this contract.
type Connector interface {
	// Do sends one request to the provider and returns the result. If the context ends, it returns soon
	// after that. Do is safe for concurrent use by any number of goroutines.
	//
	// The engine may call Do again for the same task, and another process may do so simultaneously. A
	// request with a known idempotency key must have no second effect and must return the first result.
	// If Do does not know the effect, it returns [Unknown] and never a guess. The result and the logs of
	// Do contain no secret.
	Do(ctx context.Context, o ConnectorRequest) ConnectorResult
}

// A ConnectorRequest is one request to a connector.
type ConnectorRequest struct {
	Task    string // the id of the task
	Kind    Kind
	Country stock.Country // "" for a renew without a country
	Ordinal int           // the number of the plan among the plans of this task, from 1
	Attempt int           // the number of the attempt among all attempts of the task, from 1
	Plan    PlanSnapshot  // the plan for the account; zero for a renew
	Account Account
}

// IdempotencyKey returns the idempotency key. Each pair of a task and a plan has its own key.
func (o ConnectorRequest) IdempotencyKey() string { return o.Task + "-" + strconv.Itoa(o.Ordinal) }

// connectorRequest returns the request for the task, with the account.
func (t Task) connectorRequest(a Account) ConnectorRequest {
	return ConnectorRequest{
		Task: t.ID, Kind: t.Kind, Country: t.Country,
		Ordinal: t.Ordinal, Attempt: t.Attempts, Plan: t.Plan, Account: a,
	}
}

// A Sealer encrypts accounts, because a store must not see them. Open succeeds only with the bound bytes
// that were passed to Seal. The errors contain no part of the arguments. A Sealer is safe for concurrent
// use.
type Sealer interface {
	Seal(plain, bound []byte) ([]byte, error)
	Open(sealed, bound []byte) ([]byte, error)
}

// maxDetail is the maximum length of a stored text from a provider, in bytes.
const maxDetail = 1024

// sanitize makes a text from a provider safe to store and to show. The result is valid UTF-8, has no control
// characters and has at most maxDetail bytes. Databases reject the control character NUL.
func sanitize(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxDetail {
		s = strings.ToValidUTF8(s[:maxDetail], "")
	}
	return s
}
