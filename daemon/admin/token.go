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
)

// A Role is the permission of a token.
type Role string

// The roles. The zero Role allows nothing.
const (
	Read  Role = "read"
	Write Role = "write" // includes Read
)

// allows reports whether this role allows an operation that requires the given role.
func (r Role) allows(needed Role) bool { return r == Write || r != "" && r == needed }

// A Token is a secret that a client sends. Only its SHA-256 is kept. The secret is long and random,
// so the hash does not reveal it.
type Token struct {
	Name string // of the client, for the audit log
	Role Role
	Hash [sha256.Size]byte
}

// NewToken returns the token with this secret text.
func NewToken(name string, role Role, text string) Token {
	return Token{name, role, sha256.Sum256([]byte(text))}
}

// Tokens finds tokens. It must be safe for concurrent use.
type Tokens interface {
	// Find returns the token with this secret text. If the text belongs to no token, it returns the
	// zero Token, which has no role. An error says that tokens cannot be checked now.
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
	return found, nil
}

// The errors of a line in a file of tokens. They do not repeat the line, because it may contain a
// token in the wrong place.
var (
	errFields    = errors.New("a line is: name role token, or name role sha256:HASH")
	errName      = errors.New("a name is 1 to 64 letters, digits, dots, dashes and underscores")
	errRole      = errors.New("a role is read or write")
	errHash      = errors.New("sha256: needs 64 hexadecimal digits after it")
	errShort     = fmt.Errorf("a token has at least %d printable ASCII characters", minToken)
	errDuplicate = errors.New("the name or the token is on an earlier line already")
)

// minToken is the minimum length of a token, in bytes. Tokens must be long, because their hash is
// fast to compute.
const minToken = 16

// hashPrefix is the prefix of a hash. A line can contain a hash instead of the token itself.
const hashPrefix = "sha256:"

var (
	namePattern      = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	printablePattern = regexp.MustCompile(`^[!-~]*$`)
)

// Check returns an error if the token's name or role is invalid.
func (t Token) Check() error {
	switch {
	case !namePattern.MatchString(t.Name):
		return errName
	case t.Role != Read && t.Role != Write:
		return errRole
	}
	return nil
}

// line returns the token as a line of a file.
func (t Token) line() string {
	return fmt.Sprintf("%s %s %s%s", t.Name, t.Role, hashPrefix, hex.EncodeToString(t.Hash[:]))
}

// parseTokens parses tokens, one per line. A # at the beginning of a word starts a comment.
func parseTokens(text []byte) (all TokenList, err error) {
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		words := stripComment(strings.Fields(line))
		if len(words) == 0 {
			continue
		}
		t, err := parseToken(words)
		if err == nil && all.contains(t) {
			err = errDuplicate
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		all = append(all, t)
	}
	return all, nil
}

func stripComment(words []string) []string {
	for i, w := range words {
		if strings.HasPrefix(w, "#") {
			return words[:i]
		}
	}
	return words
}

func parseToken(words []string) (Token, error) {
	if len(words) != 3 {
		return Token{}, errFields
	}
	t := NewToken(words[0], Role(words[1]), words[2])
	if err := t.Check(); err != nil {
		return t, err
	}
	digits, isHash := strings.CutPrefix(words[2], hashPrefix)
	if !isHash {
		if len(words[2]) < minToken || !printablePattern.MatchString(words[2]) {
			return t, errShort
		}
		return t, nil
	}
	hash, err := hex.DecodeString(digits)
	if err != nil || len(hash) != len(t.Hash) {
		return t, errHash
	}
	t.Hash = [len(t.Hash)]byte(hash)
	return t, nil
}

// hasName reports whether the list has a token of that name.
func (l TokenList) hasName(name string) bool {
	return slices.ContainsFunc(l, func(t Token) bool { return t.Name == name })
}

// contains reports whether the list has a token of the same name or the same secret.
func (l TokenList) contains(t Token) bool {
	return slices.ContainsFunc(l, func(other Token) bool { return other.Name == t.Name || other.Hash == t.Hash })
}
