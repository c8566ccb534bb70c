package main

import "context"

// A provider does the work. Replace [pretend] with yours.
type provider interface {
	// Do carries an order out, under a reference that is its own. With again it may have been carried out before, or
	// half of it: find out first. An error says that it is not known what has become of it, and then
	// it is asked for again; anything that is known is an answer.
	Do(ctx context.Context, reference string, o order, again bool) (answer, error)
}

// An order is the body of a request.
type order struct {
	about
	Account struct {
		Login       string `json:"login"`
		Password    string `json:"password"`
		NewEmail    string `json:"new_email"`    // of a renew, may be empty
		NewPassword string `json:"new_password"` // of a renew, may be empty
	} `json:"account"`
}

// about is what of an order may be kept.
type about struct {
	Task    string `json:"task_id"`
	Kind    string `json:"kind"`    // upgrade or renew
	Country string `json:"country"` // of a renew, may be empty
	Plan    plan   `json:"plan"`    // of an upgrade
}

type plan struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Invite  string `json:"invite"`
}

// An answer is how an order has ended: see go doc ./tasks Outcome for the outcomes and what each does.
type answer struct {
	Outcome       string `json:"outcome"`
	Username      string `json:"username,omitempty"`       // never the login: it is shown to people
	VerifyAddress string `json:"verify_address,omitempty"` // "": the plan's
}
