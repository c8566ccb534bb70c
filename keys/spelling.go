package keys

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Trim cuts white space and invisible characters, such as a zero-width space or a byte order mark, off
// both ends of a text that a person typed or pasted.
func Trim(s string) string {
	if s == "" || isPrintable(s[0]) && isPrintable(s[len(s)-1]) {
		return s // the fast path
	}
	return strings.TrimFunc(s, isInvisible)
}

// isPrintable says whether a byte is a visible ASCII character.
func isPrintable(c byte) bool { return c > ' ' && c <= '~' }

// invisible are the characters that a reader of a text cannot see.
var invisible = []*unicode.RangeTable{
	unicode.White_Space, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point,
}

func isInvisible(r rune) bool {
	return r == '\u2800' || unicode.In(r, invisible...) // the former is Braille's blank
}

// separators are the visible characters that people, phones and mail programs put between the groups of
// a code, in place of its dashes or around it: dashes, underscores and quotes.
var separators = []*unicode.RangeTable{unicode.Pd, unicode.Pc, unicode.Quotation_Mark}

// moreSeparators are those that Unicode has in no such class: minus signs and what looks like one, dots,
// and accents and primes that stand for quotes.
const moreSeparators = "-\u02d7\u2043\u207b\u208b\u2212\u2796\u30fc\uff70" + // minus signs, bullets, Japanese sound marks
	".\u00b7\u2022\u2024\u2026\u2027\u3002\u30fb\ufe52\uff61\uff65" + // dots
	"`\u00b4\u2032\u2033"

func isSeparator(r rune) bool {
	return strings.ContainsRune(moreSeparators, r) || unicode.In(r, separators...)
}

// What [symbol] gives for a character that has no value.
const (
	skipped byte = 32 + iota // readOwn passes over it
	unknown                  // the text is not of our own format
)

// asciiSymbols is what [symbol] gives for ASCII. It reads lower case as upper case. It reads O as 0, and
// I and L as 1, because the alphabet has them for that (https://www.crockford.com/base32.html).
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

// symbol gives the value of a character in a code of our own format, or [skipped] or [unknown]. A
// full-width character is the same as the ASCII character.
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

// readOwn reads a code of our own format in any spelling. The check character makes that safe: a text is
// no such code unless its symbols are exactly those of one.
func readOwn(s string) (Code, bool) {
	var values [codeLen]byte
	n := 0
	for _, r := range s {
		v := symbol(r)
		if v == skipped {
			continue
		}
		if v == unknown || n == codeLen {
			return "", false
		}
		values[n] = v
		n++
	}
	if n != codeLen || checksum(values[:]) != 0 {
		return "", false
	}
	return format(values), true
}
