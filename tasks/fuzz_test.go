package tasks_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/keyseat/keyseat/tasks"
)

// FuzzPolicy compares the policy with a count of the characters one by one.
func FuzzPolicy(f *testing.F) {
	for _, s := range []string{"", "abcdefghi1", "abcdefghij", "ääääääääö1", "abcdefghi€", "abcdefghi½", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff1"} {
		f.Add(s)
	}
	policy := tasks.DefaultRules().Password
	f.Fuzz(func(t *testing.T, password string) {
		characters, special := 0, false
		for _, r := range password {
			characters++
			special = special || unicode.In(r, unicode.Nd, unicode.P, unicode.S)
		}
		if want := characters >= 10 && special; policy.Allows(password) != want {
			t.Fatalf("%q: %v", password, !want)
		}
	})
}

// FuzzCheck tests that every accepted email address is one line with one mailbox.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"a@b.cd", "a@b", "@", "a@b.cd\n", "jürgen@müller.de", "\xff@\xff.\xff", strings.Repeat("x", 300)} {
		f.Add(s, "US")
	}
	f.Fuzz(func(t *testing.T, email, country string) {
		err := check(tasks.Renew, "ann", strongPassword, country, email)
		if errors.Is(err, tasks.CountryInvalid) {
			return
		}
		plain := strings.Count(email, "@") == 1 && len(email) <= 254 && !strings.ContainsFunc(email, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`<>()[]\,;:"`, r)
		})
		if err == nil && email != "" && !plain || err != nil && !errors.Is(err, tasks.EmailInvalid) {
			t.Fatalf("%q, %q: %v", email, country, err)
		}
	})
}
