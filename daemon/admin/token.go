package admin

import (
	"crypto/sha256"
	"crypto/subtle"
)

// A Role is the permission of a token.
type Role string

// The roles. The zero Role allows nothing.
const (
	Read  Role = "read"
	Write Role = "write" // includes Read
)

// may reports whether this role allows an operation that requires the given role.
func (r Role) may(needed Role) bool { return r == Write || r != "" && r == needed }

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
