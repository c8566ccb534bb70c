package tasks

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// A Request is a request for an upgrade or a renew.
type Request struct {
	Kind    Kind
	Code    keys.Code
	Country string // as the client sent it; may be empty for a renew without a new email address
	Account Account
}

// trimmed removes white space and invisible characters from both ends of the country, the login and the new email
// address, because people paste such characters with a text. It does not change the passwords.
func (q Request) trimmed() Request {
	q.Country = keys.Trim(q.Country)
	q.Account.Login = trimmed(q.Account.Login)
	q.Account.NewEmail = trimmed(q.Account.NewEmail)
	return q
}

func trimmed(s Secret) Secret {
	text := keys.Trim(s.Reveal())
	if len(text) == len(s.Reveal()) {
		return s
	}
	return NewSecret(text)
}

// The maximum lengths of the texts in a request, in bytes.
const (
	MaxLogin    = 254 // of a login and of an email address (RFC 5321, section 4.5.3.1, as corrected)
	MaxPassword = 1024
)

// A PasswordPolicy describes the passwords that a renew accepts.
type PasswordPolicy struct {
	Length int  // the minimum number of Unicode characters
	Mixed  bool // requires a digit, a punctuation mark or a symbol
}

// Allows reports whether the password fulfils the policy.
func (p PasswordPolicy) Allows(password string) bool {
	return utf8.RuneCountInString(password) >= p.Length && (!p.Mixed || strings.ContainsFunc(password, special))
}

func special(r rune) bool { return unicode.IsDigit(r) || unicode.IsPunct(r) || unicode.IsSymbol(r) }

// Check validates the request without its key. It returns the first [Refusal] that applies, or nil.
func (q Request) Check(policy PasswordPolicy) error {
	if err := q.checkPassword(policy); err != nil {
		return err
	}
	if login := q.Account.Login.Reveal(); strings.TrimSpace(login) == "" || len(login) > MaxLogin {
		return LoginMissing
	}
	if _, err := q.country(); err != nil {
		return CountryInvalid
	}
	if email := q.Account.NewEmail.Reveal(); q.Kind == Renew && email != "" && !plainAddress(email) {
		return EmailInvalid
	}
	return nil
}

// country reads the country; the error is [stock.ErrCountry]. A renew needs a country only with a new
// email address, because the country is that of the new account.
func (q Request) country() (stock.Country, error) {
	if q.Kind == Renew && keys.Trim(q.Country) == "" && q.Account.NewEmail.Reveal() == "" {
		return "", nil
	}
	return stock.ParseCountry(q.Country)
}

func (q Request) checkPassword(policy PasswordPolicy) error {
	password, next := q.Account.Password.Reveal(), q.Account.NewPassword.Reveal()
	switch q.Kind {
	case Upgrade:
		if password == "" || len(password) > MaxPassword {
			return PasswordMissing
		}
	case Renew:
		if policy.refuses(password) || next != "" && policy.refuses(next) {
			return PasswordWeak
		}
	}
	return nil
}

func (p PasswordPolicy) refuses(password string) bool {
	return len(password) > MaxPassword || !p.Allows(password)
}

// plainAddress reports whether the text is an email address and nothing else: a local part, @, and a domain
// of two or more labels. It accepts the addresses that mail systems deliver to. It does not accept the
// further forms of RFC 5322: a quoted local part, a comment, a display name or an address literal.
func plainAddress(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	return found && len(s) <= MaxLogin && len(local) <= 64 && strings.Contains(domain, ".") &&
		dotted(local, func(r rune) bool { return strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r) }) &&
		dotted(domain, func(r rune) bool { return r == '-' })
}

// dotted reports whether the text consists of words with single dots between them. A word has letters, digits, marks
// and the extra characters.
func dotted(s string, isExtra func(rune) bool) bool {
	for word := range strings.SplitSeq(s, ".") {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool {
			return !unicode.In(r, unicode.L, unicode.N, unicode.M) && !isExtra(r)
		}) {
			return false
		}
	}
	return true
}

// A Refusal is the reason why a request is not accepted. Its value is a stable code for programs. Its Error is a
// sentence for people.
type Refusal string

// The refusals, in the order in which they are checked. [Refusal.Error] returns the sentence of each.
const (
	UnknownKey      Refusal = "unknown_key"
	PasswordMissing Refusal = "password_missing"
	PasswordWeak    Refusal = "password_weak"
	LoginMissing    Refusal = "login_missing"
	CountryInvalid  Refusal = "country_invalid"
	EmailInvalid    Refusal = "email_invalid"
	KeyGone         Refusal = "key_gone" // the key was revoked, or was deleted while the request was decided
	UpgradeOpen     Refusal = "upgrade_open"
	RenewOpen       Refusal = "renew_open"
	KeyUsed         Refusal = "key_used"   // an upgrade needs an unused key
	KeyUnused       Refusal = "key_unused" // a renew needs a used key
	KeyLegacy       Refusal = "key_legacy" // a renew needs a key that is not a legacy key
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
