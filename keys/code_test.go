package keys_test

import (
	"encoding/base32"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/keys"
)

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var entropy = rapid.Custom(func(t *rapid.T) (random [keys.EntropyBytes]byte) {
	copy(random[:], rapid.SliceOfN(rapid.Byte(), keys.EntropyBytes, keys.EntropyBytes).Draw(t, "random"))
	return random
})

// TestGenerate tests that a generated code parses in any case and with any dashes, and that it contains all
// 120 random bits.
func TestGenerate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := entropy.Draw(t, "entropy")
		code := keys.Generate(random)
		bare := strings.ReplaceAll(string(code), "-", "")
		if bits := base32.NewEncoding(crockford).WithPadding(base32.NoPadding).EncodeToString(random[:]); bare[:24] != bits {
			t.Fatalf("%s does not spell %s", code, bits)
		}
		for _, typed := range []string{
			string(code), bare, strings.ToLower(string(code)), strings.ToLower(bare), "  " + bare + "\r\n", mixCase(t, string(code)),
		} {
			if got, err := keys.ParseTyped(typed); got != code || err != nil {
				t.Fatalf("%q gives %q, %v; not %q", typed, got, err, code)
			}
		}
		if !code.Generated() {
			t.Fatalf("%s is not recognised", code)
		}
	})
}

func mixCase(t *rapid.T, s string) string {
	return strings.Map(func(r rune) rune {
		if rapid.Bool().Draw(t, "lower") {
			return []rune(strings.ToLower(string(r)))[0]
		}
		return r
	}, s)
}

// TestFormat compares generated codes with fixed texts, because later versions of keyseat must recognize codes that
// were sold.
func TestFormat(t *testing.T) {
	pinned := map[keys.Code][keys.EntropyBytes]byte{
		"00000-00000-00000-00000-00000": {},
		"00000-00000-00000-00000-00012": {14: 1},
		"ZZZZZ-ZZZZZ-ZZZZZ-ZZZZZ-ZZZZW": {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
	}
	for want, random := range pinned {
		if got := keys.Generate(random); got != want {
			t.Errorf("%v gives %s, not %s", random, got, want)
		}
	}
}

// samples returns generated codes, without dashes, for tests that try all errors of a kind.
func samples() (bare []string) {
	for seed := range byte(8) {
		var random [keys.EntropyBytes]byte
		for i := range random {
			random[i] = byte(i)*37*seed + 91*seed
		}
		bare = append(bare, strings.ReplaceAll(string(keys.Generate(random)), "-", ""))
	}
	return bare
}

// TestEveryWrongSymbol tests that a generated code with any wrong character at any position does not count as a
// generated code.
func TestEveryWrongSymbol(t *testing.T) {
	for _, code := range samples() {
		for i := range len(code) {
			for c := byte('!'); c <= '~'; c++ {
				wrong := code[:i] + string(c) + code[i+1:]
				if strings.EqualFold(wrong, code) || lookalike[c|' '] == code[i] {
					continue
				}
				foreign(t, wrong)
			}
			foreign(t, code[:i]+code[i+1:])
			foreign(t, code[:i]+"0"+code[i:])
		}
	}
}

// lookalike lists the letters that a person types in place of a digit, in lower case.
var lookalike = map[byte]byte{'o': '0', 'i': '1', 'l': '1'}

// TestEverySwap tests that a generated code does not count as one after any two different symbols were swapped.
func TestEverySwap(t *testing.T) {
	for _, code := range samples() {
		for i := range len(code) {
			for j := range i {
				wrong := []byte(code)
				wrong[i], wrong[j] = wrong[j], wrong[i]
				if string(wrong) != code {
					foreign(t, string(wrong))
				}
			}
		}
	}
}

// TestWrongCodes makes random errors in generated codes.
func TestWrongCodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wrong := []byte(strings.ReplaceAll(string(keys.Generate(entropy.Draw(t, "entropy"))), "-", ""))
		place := rapid.IntRange(0, len(wrong)-1)
		i, j := place.Draw(t, "i"), place.Draw(t, "j")
		if i == j || wrong[i] == wrong[j] {
			right := wrong[i]
			wrong[i] = rapid.SampledFrom([]byte(crockford)).Filter(func(b byte) bool { return b != right }).Draw(t, "symbol")
		} else {
			wrong[i], wrong[j] = wrong[j], wrong[i]
		}
		if keys.Code(wrong).Generated() {
			t.Fatalf("%s is accepted", wrong)
		}
	})
}

// foreign checks that a text does not count as a generated code, and that parsing does not change the text.
func foreign(t *testing.T, s string) {
	t.Helper()
	code, err := keys.Parse(s)
	if err != nil || string(code) != s || code.Generated() {
		t.Fatalf("%q: %q, %v, own %v", s, code, err, code.Generated())
	}
}

func TestForeignCodesAreKept(t *testing.T) {
	for _, s := range []string{
		"a", "ABC-123", "abc-123", "SPOTIFY+PREMIUM", "-", "--", "x--y", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
		"00000-00000-00000-00000-00001", "o0000-00000-00000-00000-00001", "0.0_0'0\"0-00000-00000-00000-00001",
		strings.Repeat("x", keys.MaxCode),
	} {
		foreign(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[!-~]{1,128}`).Draw(t, "code")
		if code, err := keys.Parse(s); err != nil || !code.Generated() && string(code) != s {
			t.Fatalf("%q gives %q, %v", s, code, err)
		}
	})
}

func TestNoCodes(t *testing.T) {
	for _, s := range []string{
		"", " ", "\u200b", "a b", "a\u200bb", "a\x00", "a\x7f", "é", "a\u00a0b", "ſ", "\xff", "Ａ", "a–b",
		strings.Repeat("x", keys.MaxCode+1), "00000-00000-00000-00000-0000\u0660",
	} {
		if code, err := keys.Parse(s); !errors.Is(err, keys.ErrCode) || code != "" {
			t.Errorf("%q gives %q, %v", s, code, err)
		}
	}
}

func TestParseTyped(t *testing.T) {
	long := strings.Repeat("x", keys.MaxCode)
	for typed, want := range map[string]keys.Code{
		" abc ":                       "abc",
		"\r\n\tabc\v\f":               "abc",
		"\u00a0abc\u2003":             "abc",
		"\ufeffa b\u200b\u200e":       "a+b",
		"'abc'":                       "'abc'",
		"a.b_c-d":                     "a.b_c-d",
		"OIL":                         "OIL",
		"a b c":                       "a+b+c",
		"a  b":                        "a++b",
		"a+b":                         "a+b",
		"  " + long + "  ":            keys.Code(long),
		" 0000000000000000000000000 ": "00000-00000-00000-00000-00000",
	} {
		if got, err := keys.ParseTyped(typed); got != want || err != nil {
			t.Errorf("%q gives %q, %v; not %q", typed, got, err, want)
		}
	}
	for _, typed := range []string{"", "  ", "\u00a0", "\u200b\ufeff", "a\tb", "a\u00a0b", "a\u200bb", " " + long + "x"} {
		if got, err := keys.ParseTyped(typed); !errors.Is(err, keys.ErrCode) || got != "" {
			t.Errorf("%q gives %q, %v", typed, got, err)
		}
	}
}

// TestFingerprint compares a fingerprint with a fixed text, because operators search the logs of earlier versions for
// fingerprints.
func TestFingerprint(t *testing.T) {
	a, b := keys.FingerprintKey{1}, keys.FingerprintKey{2}
	if got := a.Fingerprint("K"); got != "a7f5af2290c021d2" || got == b.Fingerprint("K") {
		t.Errorf("the fingerprint is %s, with another key %s", got, b.Fingerprint("K"))
	}
	if got := (keys.FingerprintKey{}).Fingerprint("K"); got != "" {
		t.Errorf("without a key, the fingerprint is %s", got)
	}
}
