package tasks

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Secret is a text that cannot be printed: every verb of fmt, every encoder and every logger
// shows only that it is one. The zero Secret is the empty text. Two are compared by what they
// [Secret.Reveal], never with ==.
type Secret struct {
	text *string // a pointer, since fmt prints unexported strings of a struct it is nested in
}

// NewSecret hides a text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal gives the text. Its callers are the few places where it leaves: the seal and the connector.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

const hidden = "[secret]"

// String hides the text.
func (Secret) String() string { return hidden }

// Format hides the text, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText hides the text.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// An Account is whom a task is for.
type Account struct {
	Login       Secret
	Password    Secret
	NewEmail    Secret // of a renew, may be empty
	NewPassword Secret // of a renew, may be empty
}

// Secrets lists all secrets of the account, in the order in which they are sealed.
func (a Account) Secrets() []Secret { return []Secret{a.Login, a.Password, a.NewEmail, a.NewPassword} }

// errAccount says that opened bytes are no account; it never quotes them.
var errAccount = errors.New("tasks: the decrypted account is malformed")

// encode writes the account as netstrings (https://cr.yp.to/proto/netstrings.txt). The new password
// is left out if it is empty, because daemons of an earlier version read three netstrings and no more.
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

// decodeAccount reads what encode has written, in this version or in an earlier one.
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
