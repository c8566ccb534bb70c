package tasks

import (
	"slices"

	"github.com/keyseat/keyseat/stock"
)

// A Kind is what a task is to do.
type Kind string

// The kinds.
const (
	Upgrade Kind = "upgrade" // put an account into a plan
	Renew   Kind = "renew"   // make the key of an account that lost its place usable again
)

// Kinds lists the kinds.
func Kinds() []Kind { return []Kind{Upgrade, Renew} }

// An Outcome is how a task ended.
type Outcome string

// The outcomes.
const (
	Success            Outcome = "success"
	SystemError        Outcome = "system_error"
	InvalidCredentials Outcome = "invalid_credentials"
	AccountLocked      Outcome = "account_locked"
	OutOfStock         Outcome = "out_of_stock"
	AlreadyPremium     Outcome = "already_premium"
	UpgradedRecently   Outcome = "upgraded_recently"
	PlanExpired        Outcome = "plan_expired"
	PlanFull           Outcome = "plan_full"
	PlanInvalid        Outcome = "plan_invalid"
	AlreadyMember      Outcome = "already_member"
	WrongAddress       Outcome = "wrong_address"
	StillPremium       Outcome = "still_premium"
)

// An ending is a row of the table of outcomes.
type ending struct {
	outcome Outcome
	message string
	fault   stock.Fault // what it says of the plan
	kinds   []Kind
}

var (
	both       = Kinds()
	endUpgrade = []Kind{Upgrade}
	endRenew   = []Kind{Renew}
)

// The sentences are the API documentation's, to the letter.
var endings = []ending{
	{Success, "", "", both},
	{SystemError, "System error, try again and if the problem persists contact support", "", both},
	{InvalidCredentials, "Account details provided are invalid", "", both},
	{AccountLocked, "Account has been temporarily locked by Spotify, please try again in a few hours. If the issue persists, consider using a different account", "", both},
	{OutOfStock, "There are currently no more upgrades available in stock for the desired location, try a different country", "", endUpgrade},
	{AlreadyPremium, "The account provided is already premium", "", endUpgrade},
	{UpgradedRecently, "Your account was upgraded less than 12 months ago, you need to use another one", "", endUpgrade},
	{PlanExpired, "Family plan is expired", stock.Expired, endUpgrade},
	{PlanFull, "Family plan is full", stock.Full, endUpgrade},
	{PlanInvalid, "Family plan is invalid", stock.Invalid, endUpgrade},
	{AlreadyMember, "Error with family plan, likely already registered to it", "", endUpgrade},
	{WrongAddress, "Wrong address", "", endUpgrade},
	{StillPremium, "The account provided is still premium", "", endRenew},
}

const renewed = "Key Renewed"

// Outcomes lists every outcome that a task of the kind can have.
func Outcomes(k Kind) []Outcome {
	var all []Outcome
	for _, e := range endings {
		if slices.Contains(e.kinds, k) {
			all = append(all, e.outcome)
		}
	}
	return all
}

// Fits says whether a task of that kind can have this outcome. It is false for an unknown outcome.
func (o Outcome) Fits(k Kind) bool { return slices.Contains(o.ending().kinds, k) }

// Message is what info shows once a task of that kind has ended so.
func (o Outcome) Message(k Kind) string {
	if o == Success && k == Renew {
		return renewed
	}
	return o.ending().message
}

// Fault is what the outcome says of the plan, "" for nothing.
func (o Outcome) Fault() stock.Fault { return o.ending().fault }

func (o Outcome) ending() ending {
	for _, e := range endings {
		if e.outcome == o {
			return e
		}
	}
	return ending{}
}
