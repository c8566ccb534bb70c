package tasks

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// A Request asks for an upgrade or a renew.
type Request struct {
	Kind    Kind
	Code    keys.Code
	Country string // as it was typed; a renew without a new email address may leave it empty
	Account Account
}

// trimmed cuts white space and invisible characters off both ends of what a person may have pasted. The
// password stays as it was typed.
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

// The longest texts of a request, in bytes.
const (
	MaxLogin    = 254 // also of an email address (RFC 5321, section 4.5.3.1, as corrected)
	MaxPassword = 1024
)

// A PasswordPolicy is what a renew demands of a password.
type PasswordPolicy struct {
	Length int  // at least so many Unicode characters
	Mixed  bool // with a digit, a punctuation mark or a symbol among them
}

// Allows says whether the password meets the policy.
func (p PasswordPolicy) Allows(password string) bool {
	return utf8.RuneCountInString(password) >= p.Length && (!p.Mixed || strings.ContainsFunc(password, special))
}

func special(r rune) bool { return unicode.IsDigit(r) || unicode.IsPunct(r) || unicode.IsSymbol(r) }

// Check says what is wrong with the request in itself, whatever its key: nil or the first [Refusal]
// that fits.
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

// country reads the country, or gives [stock.ErrCountry]. A renew needs one for a new email address
// alone, because the country is that of the new account.
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

// plainAddress says whether the text is a mailbox and nothing else: local part, @, and a domain of
// two labels or more. It allows what mail systems deliver to, not all that RFC 5322 can write down:
// no quoted local part, comment, display name or address literal.
func plainAddress(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	return found && len(s) <= MaxLogin && len(local) <= 64 && strings.Contains(domain, ".") &&
		dotted(local, func(r rune) bool { return strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r) }) &&
		dotted(domain, func(r rune) bool { return r == '-' })
}

// dotted says whether the text is a row of words between single dots, of letters, digits, marks and
// what also allows.
func dotted(s string, also func(rune) bool) bool {
	for word := range strings.SplitSeq(s, ".") {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool {
			return !unicode.In(r, unicode.L, unicode.N, unicode.M) && !also(r)
		}) {
			return false
		}
	}
	return true
}
