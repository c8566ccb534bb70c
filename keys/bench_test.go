package keys_test

import (
	"strings"
	"testing"

	"github.com/keyseat/keyseat/keys"
)

// BenchmarkParseTyped parses codes as clients send them: printed, typed and pasted codes that keyseat has generated,
// and codes of another format.
func BenchmarkParseTyped(b *testing.B) {
	own := string(keys.Generate([keys.EntropyBytes]byte{1, 2, 3}))
	for name, typed := range map[string]string{"own": own, "trimmed": " " + own + "\n", "pasted": "\u200b“" + strings.ReplaceAll(own, "-", "–") + "”", "other": "K000000001"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := keys.ParseTyped(typed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGenerate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		keys.Generate([keys.EntropyBytes]byte{1, 2, 3})
	}
}

func BenchmarkOwn(b *testing.B) {
	code := keys.Generate([keys.EntropyBytes]byte{1, 2, 3})
	b.ReportAllocs()
	for b.Loop() {
		if !code.Generated() {
			b.Fatal("a code of our own is not one")
		}
	}
}
