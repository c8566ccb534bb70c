package keys_test

import (
	"strings"
	"testing"

	"github.com/keyseat/keyseat/keys"
)

var seeds = []string{
	"", " ", "a", "a b", "abc+def", "00000-00000-00000-00000-00000", "0000000000000000000000000",
	"zzzzz-zzzzz-zzzzz-zzzzz-zzzzw", "--", "é", "\xff\xfe", "\u00a0x\u00a0", "“ｏ００００–00000_00000.00000 0001\u200b2”", strings.Repeat("-", 129),
}

func FuzzParse(f *testing.F) { fuzz(f, keys.Parse) }

func FuzzParseTyped(f *testing.F) { fuzz(f, keys.ParseTyped) }

// FuzzPasted tests that a generated code parses in any spelling.
func FuzzPasted(f *testing.F) {
	f.Add([]byte("123456789012345"), []byte("any choice"))
	f.Fuzz(func(t *testing.T, random, choices []byte) {
		code := keys.Generate([keys.EntropyBytes]byte(append(random, make([]byte, keys.EntropyBytes)...)))
		typed := paste(code, func(n int) int {
			if len(choices) < 2 {
				return 0
			}
			choice := int(choices[0])<<8 | int(choices[1])
			choices = choices[2:]
			return choice % n
		})
		for name, parse := range parsers {
			if got, err := parse(typed); got != code || err != nil {
				t.Fatalf("%s: %q gives %q, %v; not %q", name, typed, got, err, code)
			}
		}
	})
}

// fuzz tests that a parsed code is canonical: its length is in bounds, and Parse and ParseTyped return it unchanged.
func fuzz(f *testing.F, parse func(string) (keys.Code, error)) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code, err := parse(s)
		if err != nil {
			if code != "" {
				t.Fatalf("%q: %v, and yet %q", s, err, code)
			}
			return
		}
		if len(code) == 0 || len(code) > keys.MaxCode || strings.Trim(string(code), printable) != "" {
			t.Fatalf("%q gives %q", s, code)
		}
		for _, again := range parsers {
			if c, err := again(string(code)); c != code || err != nil {
				t.Fatalf("%q gives %q, and that %q, %v", s, code, c, err)
			}
		}
	})
}

const printable = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
