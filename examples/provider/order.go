package main

import "context"

// A provider does the work. Replace [simulated] with yours.
type provider interface {
	// Do carries out an order. The reference is unique to the order. If retried is true, an earlier call may have
	// carried out the order, or a part of it: check that first. Return an answer if the result is certain, and
	// an error if it is not. After an error, keyseat repeats the request.
	Do(ctx context.Context, reference string, o order, retried bool) (answer, error)
}

// An order is the body of a request.
type order struct {
	orderInfo
	Account struct {
		Login       string `json:"login"`
		Password    string `json:"password"`
		NewEmail    string `json:"new_email"`    // only of a renew; may be empty
		NewPassword string `json:"new_password"` // only of a renew; may be empty
	} `json:"account"`
}

// An orderInfo is the part of an order that may be stored.
type orderInfo struct {
	Task    string `json:"task_id"`
	Kind    string `json:"kind"`    // upgrade or renew
	Country string `json:"country"` // may be empty for a renew
	Plan    plan   `json:"plan"`    // only of an upgrade
}

type plan struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Invite  string `json:"invite"`
}

// An answer is the result of an order. `go doc ./tasks Outcome` lists the outcomes and their effects.
type answer struct {
	Outcome       string `json:"outcome"`
	Username      string `json:"username,omitempty"`       // never the login, because info shows the username
	VerifyAddress string `json:"verify_address,omitempty"` // "": the plan's address
}
