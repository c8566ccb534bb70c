package keys

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Trim removes white space and invisible characters from both ends of a text that a person typed or
// pasted. Invisible characters are, for example, a zero-width space and a byte order mark.
func Trim(s string) string {
	if s == "" || isPrintable(s[0]) && isPrintable(s[len(s)-1]) {
		return s // the fast path
	}
	return strings.TrimFunc(s, isInvisible)
}

// isPrintable reports whether a byte is a visible ASCII character.
func isPrintable(c byte) bool { return c > ' ' && c <= '~' }

// invisible lists the characters that a reader of a text cannot see.
var invisible = []*unicode.RangeTable{
	unicode.White_Space, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point,
}

func isInvisible(r rune) bool {
	return r == '\u2800' || unicode.In(r, invisible...) // U+2800 is the blank of Braille
}

// separators lists visible characters that people, phones and mail programs put between the groups of a
// code or around it. They are dashes, underscores and quotes.
var separators = []*unicode.RangeTable{unicode.Pd, unicode.Pc, unicode.Quotation_Mark}

// moreSeparators lists the separators outside those classes of Unicode: minus signs and similar
// characters, dots, and accents and primes in place of quotes.
const moreSeparators = "-\u02d7\u2043\u207b\u208b\u2212\u2796\u30fc\uff70" + // minus signs, bullets, Japanese sound marks
	".\u00b7\u2022\u2024\u2026\u2027\u3002\u30fb\ufe52\uff61\uff65" + // dots
	"`\u00b4\u2032\u2033"

func isSeparator(r rune) bool {
	return strings.ContainsRune(moreSeparators, r) || unicode.In(r, separators...)
}

// Results of [symbol] for a character without a value.
const (
	skipped byte = 32 + iota // readOwn ignores the character
	unknown                  // the text is not of our own format
)

// asciiSymbols holds the results of [symbol] for ASCII. It reads lower case as upper case. It reads O as 0, and
// I and L as 1, because the alphabet reserves them for that (https://www.crockford.com/base32.html).
var asciiSymbols = func() (table [utf8.RuneSelf]byte) {
	for c := range table {
		table[c] = unknown
		if r := rune(c); isInvisible(r) || isSeparator(r) {
			table[c] = skipped
		}
	}
	for value, c := range []byte(alphabet) {
		table[c] = byte(value)
	}
	table['O'], table['I'], table['L'] = 0, 1, 1
	for c := 'A'; c <= 'Z'; c++ {
		table[unicode.ToLower(c)] = table[c]
	}
	return table
}()

// symbol returns the value of a character in a code of our own format, or [skipped] or [unknown]. A
// full-width character has the value of its ASCII character.
func symbol(r rune) byte {
	if r >= '！' && r <= '～' {
		r -= '！' - '!'
	}
	switch {
	case r < utf8.RuneSelf:
		return asciiSymbols[r]
	case isInvisible(r) || isSeparator(r):
		return skipped
	}
	return unknown
}

// readOwn reads a code of our own format in any spelling and reports whether the text is such a code.
// That is safe, because the text must have exactly 25 symbols and a correct check character.
func readOwn(s string) (Code, bool) {
	var buffer [codeLen]byte
	values, ok := readSymbols(s, buffer[:0])
	if !ok || len(values) != codeLen || checksum(values) != 0 {
		return "", false
	}
	return Code(format(values)), true
}

// ParsePart returns a beginning or a group of a code of our own format in its canonical form, in the spellings of
// [Parse]. It reports false if the text cannot be such a part.
func ParsePart(s string) (part string, ok bool) {
	values, ok := readSymbols(s, nil)
	return format(values), ok && len(values) > 0
}

// readSymbols appends the symbols of a text in any spelling. It reports false if the text has another character, or
// more symbols than a code.
func readSymbols(s string, values []byte) ([]byte, bool) {
	for _, r := range s {
		v := symbol(r)
		if v == skipped {
			continue
		}
		if v == unknown || len(values) == codeLen {
			return values, false
		}
		values = append(values, v)
	}
	return values, true
}
