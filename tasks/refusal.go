package tasks

import "time"

// A Refusal is the reason why a request is not accepted. Its value is a stable code for programs. Its
// Error is a sentence for people.
type Refusal string

// The refusals, in the order in which they are checked. [Refusal.Error] returns the sentence of each.
const (
	UnknownKey      Refusal = "unknown_key"
	PasswordMissing Refusal = "password_missing"
	PasswordWeak    Refusal = "password_weak"
	LoginMissing    Refusal = "login_missing"
	CountryInvalid  Refusal = "country_invalid"
	EmailInvalid    Refusal = "email_invalid"
	KeyGone         Refusal = "key_gone" // the key was revoked, or was deleted during the decision
	UpgradeOpen     Refusal = "upgrade_open"
	RenewOpen       Refusal = "renew_open"
	KeyUsed         Refusal = "key_used"   // for an upgrade
	KeyUnused       Refusal = "key_unused" // for a renew
	KeyLegacy       Refusal = "key_legacy" // for a renew: see [keys.Key.Legacy]
)

// If the API documentation has a sentence for a refusal, refusals has exactly that sentence.
var refusals = map[Refusal]string{
	UnknownKey:      "This key was not found in our database",
	PasswordMissing: "The password is missing",
	PasswordWeak:    "The password must be at least 10 characters long and include at least one number or special character (e.g., # ? ! &)",
	LoginMissing:    "The login is missing",
	CountryInvalid:  "The country must be an ISO 3166-1 alpha-2 code (e.g., US)",
	EmailInvalid:    "The new email address is invalid",
	KeyGone:         "This key was not found in our database",
	UpgradeOpen:     "You are processing already an upgrade task, wait until the end, you can check the current status via the key info",
	RenewOpen:       "You are processing already a renew task, wait until the end, you can check the current status via the key info",
	KeyUsed:         "This key is not usable, your account is still premium, if not, renew it",
	KeyUnused:       "This key is usable, you can proceed with the upgrade",
	KeyLegacy: "This key was last used with the old system, to proceed with the renew try to join again the family, you can retrieve invite and address in the info page. " +
		"In case family is full or invite is expired, contact support by sending Key, Order ID and Downgrade screenshots",
}

// Error returns the sentence for people.
func (r Refusal) Error() string { return refusals[r] }

// A RateLimited refuses a request because its key has had too many tasks.
type RateLimited struct{ RetryAfter time.Duration } // the time until the next task may be accepted

// Error returns the reason. It does not contain the key.
func (RateLimited) Error() string { return "too many tasks for this key" }

// Accepted returns the sentence of the response to an accepted request.
func (k Kind) Accepted() string {
	switch k {
	case Upgrade:
		return "Upgrade request sent successfully, your account will be Premium in a few minutes, you can check the status via the key info"
	case Renew:
		return "Renew request sent successfully, your account will be renewed in a few minutes you can check the status via the key info"
	}
	return ""
}
