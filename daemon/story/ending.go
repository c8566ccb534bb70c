package story

import "github.com/keyseat/keyseat/tasks"

// An ending is the reason why a task failed, and the possible next steps of the holder or the
// operator.
type ending struct {
	why  string
	next []string
}

const (
	tryAgain  = "The holder can try again."
	lookAtAll = "`keyseatd plans list` shows the plans that are out of stock; one that is imported again is back in it."
)

// endings maps the unsuccessful outcomes of upgrades and renews to their reasons.
var endings = map[tasks.Outcome]ending{
	tasks.SystemError:        {"the provider gave no answer that settles it{note}", []string{tryAgain}},
	tasks.InvalidCredentials: {"the provider refused the login or the password", []string{"The holder can try again with the right ones."}},
	tasks.AccountLocked:      {"the account is locked", []string{"The holder can try again in a few hours, or with another account."}},
	tasks.OutOfStock:         {"there was no free slot in {country}", []string{"The holder can try another country.", "`keyseatd stock` shows where slots are free, and `keyseatd plans import FILE.csv` brings more in."}},
	tasks.AlreadyPremium:     {"the account was premium already", []string{"The holder can try another account."}},
	tasks.UpgradedRecently:   {"the account was upgraded less than 12 months ago", []string{"The holder can try another account."}},
	tasks.PlanExpired:        {"the plans that were tried are expired, {plan} the last", []string{tryAgain, lookAtAll}},
	tasks.PlanFull:           {"the plans that were tried are full, {plan} the last", []string{tryAgain, lookAtAll}},
	tasks.PlanInvalid:        {"the plans that were tried are invalid, {plan} the last", []string{tryAgain, lookAtAll}},
	tasks.AlreadyMember:      {"the account is likely a member of plan {plan} already", []string{"The holder can try another account."}},
	tasks.WrongAddress:       {"the provider refused the address of plan {plan}", []string{"See that the address of the plan is right: `keyseatd plans import FILE.csv` corrects it.", tryAgain}},
	tasks.StillPremium:       {"the account is still premium", []string{"The holder can renew it once the account has lost its place."}},
}

// told is the reason for a key that was imported as failed.
const told = "{message}"

// ending returns why the key's last task failed. It returns false if the key is not in a failed
// state.
func (s scene) ending() (ending, bool) {
	if s.Key.Revoked || !s.upgradeFailed() && !s.renewFailed() {
		return ending{}, false
	}
	if s.Task == nil {
		return ending{told, []string{tryAgain}}, true
	}
	e, known := endings[s.Task.Outcome]
	if !known {
		return ending{told, []string{tryAgain}}, true
	}
	return e, true
}
