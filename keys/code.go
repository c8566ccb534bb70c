package keys

import (
	"errors"
	"strings"
)

// MaxCode is the length of the longest code, in bytes.
const MaxCode = 128

// ErrCode reports that a text cannot be a code. The text is empty, is longer than [MaxCode] bytes, or
// contains a space or a character that is not printable ASCII.
var ErrCode = errors.New("a code is 1 to 128 printable ASCII characters with no space")

// A Code is the text that a key's holder types, in its canonical form. A code of our own format has
// upper-case letters and groups with dashes between them. A code of another format stays exactly as it
// was imported.
type Code string

// Parse returns the canonical form of a code from a file, or [ErrCode]. It accepts a code of our own
// format in every spelling that people write or paste:
//
//   - in lower case or with full-width characters;
//   - without dashes, or with other dashes, dots, blanks, underscores, quotes or invisible characters;
//   - with O for 0, and with I or L for 1.
//
// These spellings are safe to accept because the check character detects a wrong one. Parse only trims a
// code of another format, see [Trim].
func Parse(s string) (Code, error) {
	if own, ok := readOwn(s); ok {
		return own, nil
	}
	return parseForeign(Trim(s))
}

// ParseTyped is [Parse] for a text that a person or a client sent. In a code of another format it reads a
// space as a plus sign, because some clients do not encode that sign in a URL.
func ParseTyped(s string) (Code, error) {
	if own, ok := readOwn(s); ok {
		return own, nil
	}
	return parseForeign(strings.ReplaceAll(Trim(s), " ", "+"))
}

// parseForeign checks a code that is not of our own format. It does not change the spelling.
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

// Our own format has 24 characters of Crockford's base32 (https://www.crockford.com/base32.html), which
// hold 120 bits, and one check character. The 25 characters form five groups of five.
const (
	alphabet  = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeLen   = 25
	groupSize = 5
)

// EntropyBytes is the number of random bytes in a code.
const EntropyBytes = 15

// Generate makes a code of our own format from random bytes. The caller must read the bytes from a
// cryptographic source, because an attacker that can guess the bytes can guess the code.
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

// Generated reports whether the code has our own format and a correct check character. Such a code
// cannot be guessed.
func (c Code) Generated() bool {
	_, ok := readOwn(string(c))
	return ok
}

// format returns the symbols in groups with dashes between them.
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

// checksum evaluates the symbols as a polynomial over GF(32) at 2, a generator of the field. The weight
// of a symbol is a power of 2. All 25 weights differ, because 2 has order 31. The sum of a whole code is
// zero. Two kinds of mistake always make it non-zero:
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
