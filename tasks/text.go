package tasks

import (
	"strings"
	"unicode"
)

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
