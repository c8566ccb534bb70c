package tasks_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/keyseat/keyseat/tasks"
)

func TestPolicy(t *testing.T) {
	policy := tasks.DefaultRules().Password
	for _, password := range []string{
		"123456789!", "abcdefghi1", "abcdefghi#", "abcdefghi٣", "abcdefghi३", "abcdefgh €", "abcdefghi。", "ääääääääö1",
		"𝒜𝒜𝒜𝒜𝒜𝒜𝒜𝒜𝒜1", "abcdefghi_", "abcdefghi😀", strings.Repeat("x", 1023) + "1",
	} {
		if !policy.Allows(password) {
			t.Errorf("%q is refused", password)
		}
	}
	for _, password := range []string{
		"", "abcdefghij", "abcdefgh1", "12345678!", "ääääää1", "😀😀😀", "abcdefgh i", "abcdefghiⅣ", "abcdefghi½", "abcdefghi\u00a0",
	} {
		if policy.Allows(password) {
			t.Errorf("%q is accepted", password)
		}
	}
	if !(tasks.PasswordPolicy{}).Allows("") || !(tasks.PasswordPolicy{Length: 3}).Allows("abc") || (tasks.PasswordPolicy{Length: 3}).Allows("a1") {
		t.Error("an operator's own policy does not hold")
	}
}

// check returns the result of [tasks.Request.Check] for a request with these fields.
func check(kind tasks.Kind, login, password, country, email string) error {
	return tasks.Request{Kind: kind, Country: country, Account: tasks.Account{
		Login: tasks.NewSecret(login), Password: tasks.NewSecret(password), NewEmail: tasks.NewSecret(email),
	}}.Check(tasks.DefaultRules().Password)
}

func TestLimitsOfLength(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, kind := range tasks.Kinds() {
		weak := tasks.PasswordMissing
		if kind == tasks.Renew {
			weak = tasks.PasswordWeak
		}
		for name, c := range map[string]struct {
			err  error
			want error
		}{
			"the longest password": {check(kind, "ann", x(1023)+"1", "US", ""), nil},
			"a longer password":    {check(kind, "ann", x(1024)+"1", "US", ""), weak},
			"the longest login":    {check(kind, x(254), strongPassword, "US", ""), nil},
			"a longer login":       {check(kind, x(255), strongPassword, "US", ""), tasks.LoginMissing},
			"in bytes":             {check(kind, strings.Repeat("ä", 128), strongPassword, "US", ""), tasks.LoginMissing},
			"a blank password":     {check(kind, "ann", strings.Repeat(" ", 9)+"1", "US", ""), nil},
		} {
			if !errors.Is(c.err, c.want) {
				t.Errorf("%s, %s: %v", kind, name, c.err)
			}
		}
	}
}

func TestPlainAddress(t *testing.T) {
	long := strings.Repeat("x", 64) + "@" + strings.Repeat("y.", 91) + "example"
	if len(long) > 254 {
		t.Fatal(len(long))
	}
	for _, email := range []string{
		"a@b.cd", "ann.lee+keys@mail.example.com", "o'neill@example.org", "ann_lee-x@my-mail.example", "jürgen@müller.de",
		"用户@例子.广告", "!#$%&'*+-/=?^_`{|}~@example.com", "1@2.co", "अजय@डाटा.भारत", long,
	} {
		if err := check(tasks.Renew, "ann", strongPassword, "US", email); err != nil {
			t.Errorf("%q: %v", email, err)
		}
	}
	for _, email := range []string{
		" ", "a", "a@", "@b.cd", "a@b", "a@b.", "a@.b", "a@b..cd", ".a@b.cd", "a.@b.cd", "a..b@c.de", "a@@b.cd", "a@b@c.de",
		"a b@c.de", "a@b.cd ", " a@b.cd", "Ann <a@b.cd>", "<a@b.cd>", "a@b.cd,c@d.ef", "a@b.cd;", `"a b"@c.de`, "a@[127.0.0.1]",
		"a(comment)@b.cd", "a@b_c.de", "mailto:a@b.cd", "a@b.cd\r\nBcc: x@y.zz", "a\x00@b.cd", "a@b.cd\n", `a\@b.cd`,
		strings.Repeat("x", 65) + "@example.com", "x" + long + strings.Repeat("z", 254-len(long)),
	} {
		if err := check(tasks.Renew, "ann", strongPassword, "US", email); !errors.Is(err, tasks.EmailInvalid) {
			t.Errorf("%q: %v", email, err)
		}
		if err := check(tasks.Upgrade, "ann", strongPassword, "US", email); err != nil {
			t.Errorf("an upgrade knows no new address, yet %q: %v", email, err)
		}
	}
}

// FuzzPolicy compares the password policy with a slow check that reads a password character by character.
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
