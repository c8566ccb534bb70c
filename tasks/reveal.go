package tasks

import (
	"html"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// minSecretMatch is the minimum length, in bytes, of a secret that is searched for inside a longer text. A shorter
// secret may be part of the text by chance.
const minSecretMatch = 8

// RevealedBy reports whether a text shows a secret of the account, or the local part of a secret that is an email
// address. A text shows a secret that equals the text, or that has at least 8 bytes and is a part of the text.
//
// Providers normalize a login before they return it. Therefore the comparison ignores case, spaces and invisible
// characters, and decodes percent and HTML encoding. Different forms of a character are equal (Unicode NFKC).
func (a Account) RevealedBy(text string) bool {
	forms := decodedForms(text)
	for _, s := range a.Secrets() {
		secret := fold(s.Reveal())
		local, _, _ := strings.Cut(secret, "@")
		for _, form := range forms {
			if form != "" && (matches(form, secret) || matches(form, local)) {
				return true
			}
		}
	}
	return false
}

func matches(text, secret string) bool {
	return text == secret || len(secret) >= minSecretMatch && strings.Contains(text, secret)
}

// decodedForms returns the text, the text decoded once, and the text decoded twice. All of them are folded.
func decodedForms(text string) []string {
	forms := []string{fold(text)}
	for range 2 {
		text = html.UnescapeString(text)
		if query, err := url.QueryUnescape(text); err == nil { // decodes + as a space
			forms = append(forms, fold(query))
		}
		if path, err := url.PathUnescape(text); err == nil { // decodes + as a plus sign
			text = path
		}
		forms = append(forms, fold(text))
	}
	return forms
}

// fold removes all differences that [Account.RevealedBy] ignores.
func fold(s string) string {
	return norm.NFKC.String(strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, norm.NFKC.String(s))))
}

// withoutSecrets removes a username or an address that shows a secret, because both are stored and shown in plain.
func (r ConnectorResult) withoutSecrets(a Account) ConnectorResult {
	for _, text := range []*string{&r.Username, &r.VerifyAddress} {
		if a.RevealedBy(*text) {
			*text = ""
		}
	}
	return r
}
