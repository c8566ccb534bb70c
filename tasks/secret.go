package tasks

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Secret is a text that cannot be printed. Every verb of fmt, every encoder and every logger prints only
// the placeholder [secret]. The zero Secret is the empty text. To compare two secrets, compare the results
// of [Secret.Reveal]; do not use ==.
type Secret struct {
	text *string // a pointer, because fmt prints the unexported strings of nested structs
}

// NewSecret returns a Secret with the given text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text. Only code that needs the plain text may call it, such as the sealing, the
// validation and the connector.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

const hidden = "[secret]"

// String returns the placeholder.
func (Secret) String() string { return hidden }

// Format prints the placeholder for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText returns the placeholder.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// An Account is the account of a task.
type Account struct {
	Login       Secret
	Password    Secret
	NewEmail    Secret // only for a renew, may be empty
	NewPassword Secret // only for a renew, may be empty
}

// Secrets lists all secrets of the account, in the order in which they are sealed.
func (a Account) Secrets() []Secret { return []Secret{a.Login, a.Password, a.NewEmail, a.NewPassword} }

// errAccount reports that the decrypted bytes are not an account. It never contains them.
var errAccount = errors.New("tasks: the decrypted account is malformed")

// encode writes the account as netstrings (https://cr.yp.to/proto/netstrings.txt). The new password
// is left out if it is empty, because daemons of earlier versions read exactly three netstrings.
func (a Account) encode() []byte {
	var out []byte
	all := a.Secrets()
	if a.NewPassword.Reveal() == "" {
		all = all[:3]
	}
	for _, s := range all {
		out = strconv.AppendInt(out, int64(len(s.Reveal())), 10)
		out = append(out, ':')
		out = append(out, s.Reveal()...)
		out = append(out, ',')
	}
	return out
}

// decodeAccount reads the result of encode, of this version or an earlier one.
func decodeAccount(plain []byte) (Account, error) {
	var a Account
	rest := string(plain)
	for _, field := range []*Secret{&a.Login, &a.Password, &a.NewEmail, &a.NewPassword} {
		if rest == "" && field == &a.NewPassword {
			break
		}
		size, tail, found := strings.Cut(rest, ":")
		n, err := strconv.Atoi(size)
		if !found || err != nil || n < 0 || n >= len(tail) || tail[n] != ',' {
			return Account{}, errAccount
		}
		*field, rest = NewSecret(tail[:n]), tail[n+1:]
	}
	if rest != "" {
		return Account{}, errAccount
	}
	return a, nil
}

// Opens checks that the task's sealed account can be decrypted. The error contains the reason and no part
// of the account.
func (t Task) Opens(s Sealer) error {
	plain, err := s.Open(t.Sealed, t.bound())
	if err == nil {
		_, err = decodeAccount(plain)
	}
	return err
}
