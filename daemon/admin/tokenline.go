package admin

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The errors of a line in a file of tokens. They do not repeat the line, because it may contain a
// token in the wrong place.
var (
	errWords = errors.New("a line is: name role token, or name role sha256:HASH")
	errName  = errors.New("a name is 1 to 64 letters, digits, dots, dashes and underscores")
	errRole  = errors.New("a role is read or write")
	errHash  = errors.New("sha256: needs 64 hexadecimal digits after it")
	errShort = fmt.Errorf("a token has at least %d printable ASCII characters", minToken)
	errTwice = errors.New("the name or the token is on an earlier line already")
)

// minToken is the minimum length of a token, in bytes. Tokens must be long, because their hash is
// fast to compute.
const minToken = 16

// hashed is the prefix of a hash. A line can contain a hash instead of the token itself.
const hashed = "sha256:"

var (
	word      = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	printable = regexp.MustCompile(`^[!-~]*$`)
)

// Check returns an error if the token's name or role is invalid.
func (t Token) Check() error {
	switch {
	case !word.MatchString(t.Name):
		return errName
	case t.Role != Read && t.Role != Write:
		return errRole
	}
	return nil
}

// line returns the token as a line of a file.
func (t Token) line() string {
	return fmt.Sprintf("%s %s %s%s", t.Name, t.Role, hashed, hex.EncodeToString(t.Hash[:]))
}

// parse parses tokens, one per line. A # at the beginning of a word starts a comment.
func parse(text []byte) (all TokenList, err error) {
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		words := uncommented(strings.Fields(line))
		if len(words) == 0 {
			continue
		}
		t, err := parseWords(words)
		if err == nil && all.has(t) {
			err = errTwice
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		all = append(all, t)
	}
	return all, nil
}

func uncommented(words []string) []string {
	for i, w := range words {
		if strings.HasPrefix(w, "#") {
			return words[:i]
		}
	}
	return words
}

func parseWords(words []string) (Token, error) {
	if len(words) != 3 {
		return Token{}, errWords
	}
	t := NewToken(words[0], Role(words[1]), words[2])
	if err := t.Check(); err != nil {
		return t, err
	}
	digits, isHash := strings.CutPrefix(words[2], hashed)
	if !isHash {
		if len(words[2]) < minToken || !printable.MatchString(words[2]) {
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

// named reports whether the list has a token of that name.
func (l TokenList) named(name string) bool {
	return slices.ContainsFunc(l, func(t Token) bool { return t.Name == name })
}

// has reports whether the list has a token of the same name or the same secret.
func (l TokenList) has(t Token) bool {
	for _, other := range l {
		if other.Name == t.Name || other.Hash == t.Hash {
			return true
		}
	}
	return false
}
