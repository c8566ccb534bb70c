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

// The outcomes. [Outcome.Message] says each to the key's holder, [Outcome.Fits] tells which kinds of task
// can end so. The slot of an upgrade that ends with any other than success is free again; only with
// SystemError may it be suspect.
const (
	Success            Outcome = "success"             // of an upgrade: its slot is spent
	SystemError        Outcome = "system_error"        // the provider could not be asked, or what it said is no answer
	InvalidCredentials Outcome = "invalid_credentials" // login or password are wrong
	AccountLocked      Outcome = "account_locked"      // for some hours, by the provider
	OutOfStock         Outcome = "out_of_stock"        // no slot is free in the country
	AlreadyPremium     Outcome = "already_premium"     // the account needs no upgrade
	UpgradedRecently   Outcome = "upgraded_recently"   // the account was in another plan within a year
	PlanExpired        Outcome = "plan_expired"        // with the two below: takes the plan out of stock, and
	PlanFull           Outcome = "plan_full"           // the task goes on with another one, while there is one
	PlanInvalid        Outcome = "plan_invalid"
	AlreadyMember      Outcome = "already_member" // the account seems to be in the plan already
	WrongAddress       Outcome = "wrong_address"  // the plan's address was not accepted
	StillPremium       Outcome = "still_premium"  // of a renew: the account has not lost its place
)

// A outcomeRule is a row of the table of outcomes.
type outcomeRule struct {
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
var outcomeRules = []outcomeRule{
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
	for _, e := range outcomeRules {
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

func (o Outcome) ending() outcomeRule {
	for _, e := range outcomeRules {
		if e.outcome == o {
			return e
		}
	}
	return outcomeRule{}
}
