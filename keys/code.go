package keys

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxCode is the length of the longest code, in bytes.
const MaxCode = 128

// ErrCode reports that a text cannot be a code. The text is empty, is longer than [MaxCode] bytes, or
// contains a space or a character that is not printable ASCII.
var ErrCode = errors.New("a code is 1 to 128 printable ASCII characters with no space")

// A Code is the text that a key's holder types, in its canonical form. A code of keyseat's own format, which [Generate]
// makes, has upper-case letters and groups with dashes between them. A code of another format stays exactly as it was
// imported.
type Code string

// Parse returns the canonical form of a code from a file, or [ErrCode]. It accepts a code of keyseat's own format in
// every spelling that people write or paste:
//
//   - in lower case or with full-width characters;
//   - without dashes, or with other dashes, dots, blanks, underscores, quotes or invisible characters;
//   - with O for 0, and with I or L for 1.
//
// These spellings are safe to accept because the check character detects a mistyped code. Parse changes a code of
// another format only by [Trim].
func Parse(s string) (Code, error) {
	if own, ok := readOwn(s); ok {
		return own, nil
	}
	return parseForeign(Trim(s))
}

// ParseTyped is [Parse] for a text that a person or a client sent. In a code of another format it reads a space as a
// plus sign, because some clients do not percent-encode a plus sign in a URL.
func ParseTyped(s string) (Code, error) {
	if own, ok := readOwn(s); ok {
		return own, nil
	}
	return parseForeign(strings.ReplaceAll(Trim(s), " ", "+"))
}

// parseForeign checks a code of another format than keyseat's. It does not change the spelling.
func parseForeign(s string) (Code, error) {
	if len(s) == 0 || len(s) > MaxCode {
		return "", ErrCode
	}
	for i := range len(s) {
		if !isPrintable(s[i]) {
			return "", ErrCode
		}
	}
	return Code(s), nil
}

// keyseat's own format has 24 characters of Crockford's base32 (https://www.crockford.com/base32.html), which hold 120
// bits, and one check character. The 25 characters form five groups of five.
const (
	alphabet  = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeLen   = 25
	groupSize = 5
)

// EntropyBytes is the number of random bytes in a code.
const EntropyBytes = 15

// Generate makes a code of keyseat's own format from random bytes. The caller must read the bytes from a cryptographic
// source, because an attacker that can guess the bytes can guess the code.
func Generate(random [EntropyBytes]byte) Code {
	values := make([]byte, 0, codeLen)
	for i := 0; i < EntropyBytes; i += 5 { // five bytes hold eight symbols
		var word uint64
		for _, b := range random[i : i+5] {
			word = word<<8 | uint64(b)
		}
		for shift := 35; shift >= 0; shift -= 5 {
			values = append(values, byte(word>>shift)&31)
		}
	}
	return Code(format(append(values, gf32Double(checksum(values)))))
}

// Generated reports whether the code has keyseat's own format and a correct check character. It cannot be guessed.
func (c Code) Generated() bool {
	_, ok := readOwn(string(c))
	return ok
}

func format(values []byte) string {
	text := make([]byte, 0, codeLen+codeLen/groupSize-1)
	for i, v := range values {
		if i > 0 && i%groupSize == 0 {
			text = append(text, '-')
		}
		text = append(text, alphabet[v])
	}
	return string(text)
}

// checksum evaluates the symbols as a polynomial over GF(32) at 2, a generator of the field. The weight of a symbol is
// a power of 2. All 25 weights differ, because 2 has order 31. The sum of a whole code is zero. Two kinds of mistake
// always make the sum non-zero:
//
//   - One wrong symbol adds the product of its error and its weight. Neither factor is zero.
//   - A swap of two different symbols adds the product of two differences: that of the symbols and that
//     of their weights. Neither factor is zero.
func checksum(values []byte) byte {
	var sum byte
	for _, v := range values {
		sum = gf32Double(sum) ^ v
	}
	return sum
}

// gf32Double multiplies v by 2 in GF(32) modulo the primitive polynomial x⁵+x²+1.
func gf32Double(v byte) byte {
	v <<= 1
	if v&32 != 0 {
		v ^= 0b100101
	}
	return v
}

// Trim removes white space and invisible characters from both ends of a text that a person typed or
// pasted. Invisible characters are, for example, a zero-width space and a byte order mark.
func Trim(s string) string {
	if s == "" || isPrintable(s[0]) && isPrintable(s[len(s)-1]) {
		return s // the fast path
	}
	return strings.TrimFunc(s, isInvisible)
}

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

// moreSeparators lists the separators that are in no class of [separators]: minus signs and similar characters, dots,
// and accents and primes in place of quotes.
const moreSeparators = "-\u02d7\u2043\u207b\u208b\u2212\u2796\u30fc\uff70" + // minus signs, bullets, Japanese sound marks
	".\u00b7\u2022\u2024\u2026\u2027\u3002\u30fb\ufe52\uff61\uff65" + // dots
	"`\u00b4\u2032\u2033"

func isSeparator(r rune) bool {
	return strings.ContainsRune(moreSeparators, r) || unicode.In(r, separators...)
}

// Results of [symbol] for a character without a value.
const (
	skipped byte = 32 + iota // readOwn ignores the character
	unknown                  // the text is not of keyseat's own format
)

// asciiSymbols holds the results of [symbol] for ASCII. Lower case has the values of upper case. O has the value of 0,
// and I and L have the value of 1, as in Crockford's base32.
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

// symbol returns the value of a character in a code of keyseat's own format, or [skipped] or [unknown]. A full-width
// character has the value of the ASCII character that it looks like.
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

// readOwn reads a code of keyseat's own format in any spelling and reports whether the text is such a code. Another
// text does not pass by accident, because it must have exactly 25 symbols and a correct check character.
func readOwn(s string) (Code, bool) {
	var buffer [codeLen]byte
	values, ok := readSymbols(s, buffer[:0])
	if !ok || len(values) != codeLen || checksum(values) != 0 {
		return "", false
	}
	return Code(format(values)), true
}

// ParsePart returns the canonical form of a part of a code of keyseat's own format. The part may be a beginning or a
// group, in any spelling that [Parse] accepts. ParsePart reports false if the text cannot be such a part.
func ParsePart(s string) (part string, ok bool) {
	values, ok := readSymbols(s, nil)
	return format(values), ok && len(values) > 0
}

// readSymbols appends the symbols of a text in any spelling. It reports false if a character is [unknown], or if the
// text has more symbols than a code.
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
