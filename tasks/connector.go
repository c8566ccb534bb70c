package tasks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/keyseat/keyseat/stock"
)

// A Secret is a text that cannot be printed. Every verb of fmt, every encoder and every logger prints only the
// placeholder "[secret]". The zero Secret is the empty text. To compare two secrets, compare the results of
// [Secret.Reveal]; do not use ==.
type Secret struct {
	text *string // a pointer, because fmt prints the unexported strings of nested structs
}

// NewSecret returns a Secret with the given text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text. Only code that needs the plain text may call it, such as the connector.
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

// Opens checks that the task's sealed account can be decrypted. The error contains no part of the account.
func (t Task) Opens(s Sealer) error {
	_, err := t.open(s)
	return err
}

func (t Task) open(s Sealer) (Account, error) {
	plain, err := s.Open(t.Sealed, t.bound())
	if err != nil {
		return Account{}, err
	}
	return decodeAccount(plain)
}

// A Connector carries out tasks at the provider. The package connectortest tests this contract.
type Connector interface {
	// Do sends one request to the provider and returns the result. If the context ends, Do returns soon after that. Do
	// is safe for concurrent use by any number of goroutines.
	//
	// The engine may call Do again for the same task, and another process may do so simultaneously. A repeated request
	// with the same idempotency key must have no second effect and must return the first result. If Do does not know
	// the effect, it returns [Unknown] and never a guess. The result and the logs of Do contain no secret.
	Do(ctx context.Context, o ConnectorRequest) ConnectorResult
}

// A ConnectorRequest is one request to a connector.
type ConnectorRequest struct {
	Task    string // the id of the task
	Kind    Kind
	Country stock.Country // "" for a renew without a country
	Ordinal int           // the number of the plan among the plans of this task, from 1
	Attempt int           // the number of the attempt among all attempts of the task, from 1
	Plan    PlanSnapshot  // the plan for the account; zero for a renew
	Account Account
}

// IdempotencyKey returns the idempotency key. Each pair of a task and a plan has its own key.
func (o ConnectorRequest) IdempotencyKey() string { return o.Task + "-" + strconv.Itoa(o.Ordinal) }

func (t Task) connectorRequest(a Account) ConnectorRequest {
	return ConnectorRequest{
		Task: t.ID, Kind: t.Kind, Country: t.Country,
		Ordinal: t.Ordinal, Attempt: t.Attempts, Plan: t.Plan, Account: a,
	}
}

// A Sealer encrypts accounts, because a store must not see them. Open succeeds only with the bound bytes that were
// passed to Seal. The errors contain no part of the arguments. A Sealer is safe for concurrent use.
type Sealer interface {
	Seal(plain, bound []byte) ([]byte, error)
	Open(sealed, bound []byte) ([]byte, error)
}

// maxDetail is the maximum length of a stored text from a provider, in bytes.
const maxDetail = 1024

// sanitize makes a text from a provider safe to store and to show. The result is valid UTF-8, has no control
// characters and has at most maxDetail bytes. Databases reject the control character NUL.
func sanitize(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxDetail {
		s = strings.ToValidUTF8(s[:maxDetail], "")
	}
	return s
}

// An Effect describes the known effect of an attempt at the provider.
type Effect uint8

// The effects.
const (
	Unknown Effect = iota // the attempt may have had any effect: try again
	None                  // the attempt had no effect: try again
	Pending               // the provider is still working: try again; this attempt is not counted
	Refused               // the attempt had no effect, and later ones cannot have one: do not try again
	Settled               // the provider has finished: the outcome is final
)

// String returns the name of the effect in metrics and traces.
func (e Effect) String() string {
	if e > Settled {
		e = Unknown
	}
	return [...]string{"unknown", "none", "pending", "refused", "settled"}[e]
}

// A ConnectorResult is the result of a [Connector] call. The zero ConnectorResult means that nothing is known.
type ConnectorResult struct {
	Effect        Effect
	Outcome       Outcome       // the outcome, if Effect is Settled
	Username      string        // of the account, "" if the provider did not report it
	VerifyAddress string        // of the plan, "" if the provider did not report it
	RetryAfter    time.Duration // the pause that the provider requests; 0: no request
	Note          string        // a description for the operator; contains no secret and no URL with a secret
}
