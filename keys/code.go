package keys

import (
	"errors"
	"strings"
)

// MaxCode is the longest code, in bytes.
const MaxCode = 128

// ErrCode says that a text cannot be a code: it is empty, over [MaxCode] bytes, or has a character
// that is a space or no printable ASCII.
var ErrCode = errors.New("a code is 1 to 128 printable ASCII characters with no space")

// A Code is what a key's holder types, in its canonical form: codes of our own format in upper case
// and dashed groups, any other exactly as it was imported.
type Code string

// Parse gives the canonical form of a code that a file holds, or [ErrCode]. It reads a code of our own
// format as people write and paste it: in lower case, without dashes, with other dashes, dots, blanks,
// underscores, quotes or invisible characters in it, with full-width letters, and with O for 0 and I or
// L for 1. The check character makes that safe. Of any other code it cuts off what [Trim] does.
func Parse(s string) (Code, error) {
	if own, ok := readOwn(s); ok {
		return own, nil
	}
	return parseForeign(Trim(s))
}

// ParseTyped is [Parse] for what a person or a client sent: in a code of another format, a space is read
// as the plus sign that a client did not encode.
func ParseTyped(s string) (Code, error) {
	if own, ok := readOwn(s); ok {
		return own, nil
	}
	return parseForeign(strings.ReplaceAll(Trim(s), " ", "+"))
}

// parseForeign checks a code that is not of our own format. Its spelling stays.
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

// Our own format: 24 characters of Crockford's base32 (https://www.crockford.com/base32.html), which
// is 120 bits, and a check character, in five groups of five.
const (
	alphabet  = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeLen   = 25
	groupSize = 5
)

// EntropyBytes is how many random bytes make a code.
const EntropyBytes = 15

// Generate makes a code of our own format from random bytes. The caller draws them from a
// cryptographic source; whoever can guess them can guess the code.
func Generate(random [EntropyBytes]byte) Code {
	values := make([]byte, 0, codeLen)
	for i := 0; i < EntropyBytes; i += 5 { // five bytes are eight symbols
		var word uint64
		for _, b := range random[i : i+5] {
			word = word<<8 | uint64(b)
		}
		for shift := 35; shift >= 0; shift -= 5 {
			values = append(values, byte(word>>shift)&31)
		}
	}
	return format([codeLen]byte(append(values, gf32Double(checksum(values)))))
}

// Generated says whether the code is of our own format with a right check character, and so beyond guessing.
func (c Code) Generated() bool {
	_, ok := readOwn(string(c))
	return ok
}

func format(values [codeLen]byte) Code {
	code := make([]byte, 0, codeLen+codeLen/groupSize-1)
	for i, v := range values {
		if i > 0 && i%groupSize == 0 {
			code = append(code, '-')
		}
		code = append(code, alphabet[v])
	}
	return Code(code)
}

// checksum reads the symbols as a polynomial over GF(32), at 2, a generator of the field: each symbol
// has a weight of its own, because 2 has order 31 and there are 25. A whole code sums to zero. One
// wrong symbol changes the sum by a non-zero multiple of its weight, a swap of two by the product of
// their difference and that of their weights: neither is ever zero.
func checksum(values []byte) byte {
	var sum byte
	for _, v := range values {
		sum = gf32Double(sum) ^ v
	}
	return sum
}

// gf32Double multiplies by 2 in GF(32) modulo the primitive polynomial x⁵+x²+1.
func gf32Double(v byte) byte {
	v <<= 1
	if v&32 != 0 {
		v ^= 0b100101
	}
	return v
}
