package admin

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What a line of a file of tokens can be refused for. None of them repeats what stands there, because
// it may be a token in the wrong place.
var (
	errWords = errors.New("a line is: name role token, or name role sha256:HASH")
	errName  = errors.New("a name is 1 to 64 letters, digits, dots, dashes and underscores")
	errRole  = errors.New("a role is read or write")
	errHash  = errors.New("sha256: needs 64 hexadecimal digits after it")
	errShort = fmt.Errorf("a token has at least %d printable ASCII characters", minToken)
	errTwice = errors.New("the name or the token is on an earlier line already")
)

// minToken is the shortest token, in bytes: what is hashed fast must be long.
const minToken = 16

// hashed begins what stands for a token that the file does not tell.
const hashed = "sha256:"

var (
	word      = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	printable = regexp.MustCompile(`^[!-~]*$`)
)

// Check says what is wrong with the token's name or role, nil for nothing.
func (t Token) Check() error {
	switch {
	case !word.MatchString(t.Name):
		return errName
	case t.Role != Read && t.Role != Write:
		return errRole
	}
	return nil
}

// line is the token as a file keeps it.
func (t Token) line() string {
	return fmt.Sprintf("%s %s %s%s", t.Name, t.Role, hashed, hex.EncodeToString(t.Hash[:]))
}

// parse reads tokens, one a line. What follows a # at the beginning of a word is a comment.
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

// named says whether there is a token of that name.
func (l TokenList) named(name string) bool {
	return slices.ContainsFunc(l, func(t Token) bool { return t.Name == name })
}

// has says whether the name or the secret is another's already.
func (l TokenList) has(t Token) bool {
	for _, other := range l {
		if other.Name == t.Name || other.Hash == t.Hash {
			return true
		}
	}
	return false
}
