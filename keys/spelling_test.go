package keys_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/keys"
)

// skipped lists the characters that are ignored anywhere in a generated code.
var skipped = func() (all []rune) {
	for _, table := range []*unicode.RangeTable{
		unicode.Cf, unicode.Pd, unicode.Pc, unicode.White_Space, unicode.Quotation_Mark,
		unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point,
	} {
		for _, r := range table.R16 {
			all = append(all, rune(r.Lo), rune(r.Hi))
		}
		for _, r := range table.R32 {
			all = append(all, rune(r.Lo), rune(r.Hi))
		}
	}
	return append(all, []rune("-._ '\"`´−⁻₋˗➖•·․…。・．＿－　\u2800")...)
}()

// spellings returns the characters that a person can type for a symbol of a generated code.
func spellings(symbol rune) []rune {
	all := []rune{symbol}
	switch symbol {
	case '0':
		all = append(all, 'O', 'o')
	case '1':
		all = append(all, 'I', 'i', 'L', 'l')
	}
	for _, r := range slices.Clone(all) {
		all = append(all, unicode.ToLower(r), r+'！'-'!', unicode.ToLower(r)+'！'-'!')
	}
	return all
}

// paste returns a spelling of a code. The function choose, which returns a number below n, makes each choice.
func paste(code keys.Code, choose func(n int) int) string {
	var b strings.Builder
	for _, symbol := range strings.ReplaceAll(string(code), "-", "") + " " {
		for range choose(3) {
			b.WriteRune(skipped[choose(len(skipped))])
		}
		if symbol != ' ' { // the space stands for the end of the code
			all := spellings(symbol)
			b.WriteRune(all[choose(len(all))])
		}
	}
	return b.String()
}

// TestPasted tests that a generated code parses in any spelling, and that a code with a wrong symbol parses in no
// spelling.
func TestPasted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := keys.Generate(entropy.Draw(t, "entropy"))
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }
		typed := paste(code, choose)
		for name, parse := range parsers {
			if got, err := parse(typed); got != code || err != nil {
				t.Fatalf("%s: %q gives %q, %v; not %q", name, typed, got, err, code)
			}
		}
		wrong := []byte(code)
		i := rapid.IntRange(0, len(wrong)-1).Filter(func(i int) bool { return wrong[i] != '-' }).Draw(t, "place")
		wrong[i] = rapid.SampledFrom([]byte(crockford)).Filter(func(b byte) bool { return b != wrong[i] }).Draw(t, "symbol")
		typed = paste(keys.Code(wrong), choose)
		for name, parse := range parsers {
			if got, _ := parse(typed); got.Generated() {
				t.Fatalf("%s: %q gives %q", name, typed, got)
			}
		}
	})
}

var parsers = map[string]func(string) (keys.Code, error){"Parse": keys.Parse, "ParseTyped": keys.ParseTyped}

// TestPastedForms parses one code in the spellings that mail programs, phones and word processors produce.
func TestPastedForms(t *testing.T) {
	const code = "01GZX-9QZ7M-1H2AB-CD4EF-GJ5KJ"
	if !keys.Code(code).Generated() {
		t.Fatal("the code is not of our own format")
	}
	for _, typed := range []string{
		code, "\u200b" + code, code + "\u200b", "\ufeff" + code, "\u200e" + code + "\u200f", "\u2066" + code + "\u2069", code + "\u00ad",
		"01GZX–9QZ7M–1H2AB–CD4EF–GJ5KJ", "01GZX‑9QZ7M‑1H2AB‑CD4EF‑GJ5KJ", "01GZX—9QZ7M―1H2AB−CD4EF‐GJ5KJ", "01GZX－9QZ7Mー1H2AB﹣CD4EF⁃GJ5KJ",
		"01GZX 9QZ7M 1H2AB CD4EF GJ5KJ", "01GZX\u00a09QZ7M\u202f1H2AB\u3000CD4EF\tGJ5KJ", "01GZX-9QZ7M-1H2AB-\r\nCD4EF-GJ5KJ",
		"01GZX_9QZ7M_1H2AB_CD4EF_GJ5KJ", "01GZX.9QZ7M·1H2AB•CD4EF…GJ5KJ", "O1GZX-9QZ7M-IH2AB-CD4EF-GJ5KJ", "olgzx-9qz7m-ih2ab-cd4ef-gj5kj",
		"０１ＧＺＸ－９ＱＺ７Ｍ－１Ｈ２ＡＢ－ＣＤ４ＥＦ－ＧＪ５ＫＪ", "０１ｇｚｘ９ｑｚ７ｍ１ｈ２ａｂｃｄ４ｅｆｇｊ５ｋｊ",
		"'" + code + "'", `"` + code + `"`, "„" + code + "“", "“" + code + "”", "«\u00a0" + code + "\u00a0»", "‘" + code + "’", "「" + code + "」", "`" + code + "´",
		strings.ReplaceAll(code, "", "\u200b"), strings.Repeat("\u200b", 1000) + code,
	} {
		for name, parse := range parsers {
			if got, err := parse(typed); got != code || err != nil {
				t.Errorf("%s: %q gives %q, %v", name, typed, got, err)
			}
		}
	}
	for _, typed := range []string{code + "+", "+" + code, code + "/", code + code, code[:28], "(" + code + ")", code + "\x00", code + "\xff", code + "é"} {
		for name, parse := range parsers {
			if got, _ := parse(typed); got.Generated() {
				t.Errorf("%s: %q gives %q", name, typed, got)
			}
		}
	}
}

func TestTrim(t *testing.T) {
	for typed, want := range map[string]string{
		"": "", " us\n": "us", "\ufeff\u200bus\u200e\u00a0": "us", "\u2800us\ufe0f\u3164": "us", "a b": "a b", "a\u200bb": "a\u200bb",
		"-us.": "-us.", "“us”": "“us”", "\x00us": "\x00us", "\xffus": "\xffus",
	} {
		if got := keys.Trim(typed); got != want {
			t.Errorf("%q gives %q, not %q", typed, got, want)
		}
	}
}
