package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// A Time is a time in the format of the API: RFC 3339 in UTC to the second, or null if it is unknown.
// The zero value is an unknown time.
type Time struct{ time.Time }

// String returns "" for an unknown time.
func (t Time) String() string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// MarshalJSON implements [json.Marshaler].
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.String())
}

// quoted returns a text of the provider or of an import in quotation marks, or "" for an empty text. The quotation marks
// show that the text is not advice of keyseat.
func quoted(text string) string {
	if text == "" {
		return ""
	}
	return "“" + strings.NewReplacer("“", `"`, "”", `"`).Replace(withoutMarks(text)) + "”"
}

// withoutMarks returns a text of the provider or of an import without format characters. It replaces backquotes,
// because backquotes mark a command.
func withoutMarks(text string) string { return strings.ReplaceAll(visible(text), "`", "'") }

// visible returns a text without format characters (Unicode Cf). Such a character is invisible, and can change the
// direction of the text after it.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)
}

func prefixed(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

func timesText(n int) string {
	if words := []string{"", " once", " twice"}; n >= 0 && n < len(words) {
		return words[n]
	}
	return fmt.Sprintf(" %d times", n)
}

const shellSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.,:/@%+"

// shellArgument quotes a code for the command line of a shell. It writes -- before a code that would look like a flag.
func shellArgument(code string) string {
	quoted := code
	if strings.Trim(code, shellSafe) != "" {
		quoted = "'" + strings.ReplaceAll(code, "'", `'\''`) + "'"
	}
	if strings.HasPrefix(code, "-") {
		return "-- " + quoted
	}
	return quoted
}
