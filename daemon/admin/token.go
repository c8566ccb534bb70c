package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Role is the permission of a token. A token has one role:
//
//	                                     read  support  write  export
//	read everything, with masked codes    x       x       x      x
//	read the whole code of one key                x       x      x
//	retry and resolve a task                      x       x
//	change anything else, issue keys                      x
//	list whole codes                                             x
//
// Of a masked code, only the end is visible. A client of any role can find a key by its whole code. A client that
// issues keys gets their whole codes.
type Role string

// The roles. The zero Role allows nothing.
const (
	Read    Role = "read"
	Support Role = "support"
	Write   Role = "write"
	Export  Role = "export"
)

var includedRoles = map[Role][]Role{
	Read:    {Read},
	Support: {Read, Support},
	Write:   {Read, Support, Write},
	Export:  {Read, Export},
}

// Allows reports whether this role allows an operation that requires the given role.
func (r Role) Allows(needed Role) bool { return slices.Contains(includedRoles[r], needed) }

// ShowsCode reports whether a client of this role may read the whole code of one key.
func (r Role) ShowsCode() bool { return r.Allows(Support) || r.Allows(Export) }

// A Token is a secret that a client sends. Only its SHA-256 is kept. The secret is long and random,
// so the hash does not reveal it.
type Token struct {
	Name    string // of the client, for the audit log
	Role    Role
	Hash    [sha256.Size]byte
	Expires time.Time // zero: never
}

// NewToken returns the token with this secret text.
func NewToken(name string, role Role, text string) Token {
	return Token{Name: name, Role: role, Hash: sha256.Sum256([]byte(text))}
}

// Expired reports whether the token has expired at the given time.
func (t Token) Expired(at time.Time) bool { return !t.Expires.IsZero() && !at.Before(t.Expires) }

// Tokens finds tokens. It must be safe for concurrent use.
type Tokens interface {
	// Find returns the token with this secret text. For an unknown text or an expired token it returns the zero
	// Token, which has no role. It returns an error if tokens cannot be checked now.
	Find(text string) (Token, error)
}

// A TokenList is a list of tokens that never change.
type TokenList []Token

// Find implements [Tokens]. Its duration reveals only the number of tokens.
func (l TokenList) Find(text string) (found Token, err error) {
	hash := sha256.Sum256([]byte(text))
	for _, t := range l {
		if subtle.ConstantTimeCompare(t.Hash[:], hash[:]) == 1 {
			found = t
		}
	}
	if found.Expired(time.Now()) {
		return Token{}, nil
	}
	return found, nil
}

const (
	minToken      = 16         // the minimum length of a token, in bytes; long, because a short token can be guessed from its hash
	hashPrefix    = "sha256:"  // the prefix of a hash, which a line can contain instead of the token itself
	expiresPrefix = "expires:" // the prefix of the time at which a token expires
)

// namePattern matches the names of tokens. It is compiled at its first use, because compiling its 64 repetitions would
// delay every start of the program.
var namePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`) })

var printablePattern = regexp.MustCompile(`^[!-~]*$`)

// Check returns an error if the token's name or role is invalid.
func (t Token) Check() error {
	switch {
	case !namePattern().MatchString(t.Name):
		return errors.New("a name is 1 to 64 letters, digits, dots, dashes and underscores")
	case includedRoles[t.Role] == nil:
		return errors.New("a role is read, support, write or export")
	}
	return nil
}

func (t Token) line() string {
	line := fmt.Sprintf("%s %s %s%s", t.Name, t.Role, hashPrefix, hex.EncodeToString(t.Hash[:]))
	if !t.Expires.IsZero() {
		line += " " + expiresPrefix + t.Expires.UTC().Format(time.RFC3339)
	}
	return line
}

// parseTokens parses tokens, one per line. A # at the beginning of a word starts a comment. Errors do not repeat the
// line, because it may contain a token in the wrong place.
func parseTokens(text []byte) (all TokenList, err error) {
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		words := strings.Fields(line)
		if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "#") }); i >= 0 {
			words = words[:i]
		}
		if len(words) == 0 {
			continue
		}
		t, err := parseToken(words)
		if err == nil && all.conflicts(t) {
			err = errors.New("the name or the token is on an earlier line already; only tokens of one role may share a name")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		all = append(all, t)
	}
	return all, nil
}

func parseToken(words []string) (Token, error) {
	until, expires := "", len(words) == 4
	if expires {
		until, expires = strings.CutPrefix(words[3], expiresPrefix)
	}
	if len(words) != 3 && !expires {
		return Token{}, errors.New("a line is: name role token, or name role sha256:HASH, and then expires:TIME if it expires")
	}
	t := NewToken(words[0], Role(words[1]), words[2])
	if expires {
		var err error
		if t.Expires, err = time.Parse(time.RFC3339, until); err != nil {
			return t, errors.New("expires: needs a time of RFC 3339 after it")
		}
	}
	if err := t.Check(); err != nil {
		return t, err
	}
	digits, isHash := strings.CutPrefix(words[2], hashPrefix)
	if !isHash {
		if len(words[2]) < minToken || !printablePattern.MatchString(words[2]) {
			return t, fmt.Errorf("a token has at least %d printable ASCII characters", minToken)
		}
		return t, nil
	}
	hash, err := hex.DecodeString(digits)
	if err != nil || len(hash) != len(t.Hash) {
		return t, errors.New("sha256: needs 64 hexadecimal digits after it")
	}
	t.Hash = [len(t.Hash)]byte(hash)
	return t, nil
}

// conflicts reports whether the list has a token with the same secret, or with the same name and another role.
func (l TokenList) conflicts(t Token) bool {
	return slices.ContainsFunc(l, func(other Token) bool {
		return other.Name == t.Name && other.Role != t.Role || other.Hash == t.Hash
	})
}
