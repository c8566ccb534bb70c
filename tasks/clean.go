package tasks

import (
	"strings"
	"unicode"
)

// maxDetail is how much of what a provider tells is kept, in bytes.
const maxDetail = 1024

// sanitize makes a text from outside fit to be stored and shown: valid UTF-8, no control characters
// (databases refuse NUL), no more than maxDetail bytes.
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

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
