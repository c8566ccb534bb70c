package blackbox_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// pasted are spellings of a code of our own format, as people hand it over.
func pasted(code string) []string {
	bare := strings.ReplaceAll(code, "-", "")
	wide := strings.Map(func(r rune) rune { return r + '！' - '!' }, code)
	all := []string{
		"\u200b" + code, code + "\ufeff", "\u2066" + code + "\u2069", "“" + code + "”", "'" + code + "'", "\u00a0«" + code + "»\u3000",
		strings.ReplaceAll(code, "-", "–"), strings.ReplaceAll(code, "-", "\u2011"), strings.ReplaceAll(code, "-", "−"),
		strings.ReplaceAll(code, "-", " "), strings.ReplaceAll(code, "-", "_"), strings.ReplaceAll(code, "-", "."),
		wide, strings.ToLower(wide), strings.NewReplacer("0", "O", "1", "I").Replace(bare), strings.NewReplacer("0", "o", "1", "l").Replace(code),
		strings.Join(strings.Split(bare, ""), "\u200d"),
	}
	return append(all, strings.ToLower(bare))
}

// issued makes keys of our own format, the first with a 0 and a 1 in it.
func (s *shop) issued() (codes []string) {
	s.Helper()
	codes = strings.Fields(s.must("keys", "generate", "--count", "64"))
	for i, code := range codes {
		if strings.Contains(code, "0") && strings.Contains(code, "1") {
			codes[0], codes[i] = codes[i], codes[0]
			return codes
		}
	}
	s.Fatal("no code has a 0 and a 1")
	return nil
}

// TestPastedCodes hands a code over in every spelling, at every entry. None of them counts as an unknown
// key.
func TestPastedCodes(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		codes := s.issued()
		o, _ := s.administered("--unknown-key-limit", "1")
		visitor, _ := o.visits(o.token)
		customer, admin := o.customer(), o.operates(o.token)
		want := o.info(codes[0])
		for i, typed := range pasted(codes[0]) {
			o.is(o.get(q("info", typed)), http.StatusOK, want.body)
			o.is(o.post(q("info", typed)), http.StatusOK, want.body)
			o.pasteAtPage(typed)
			if a := visitor.send("GET", "/console/keys?"+q("q", typed), ""); a.code != http.StatusSeeOther || a.header.Get("Location") != keyAt(codes[0]) {
				o.Errorf("%q at the console: %d, %s", typed, a.code, a.header.Get("Location"))
			}
			if a := o.do("GET", "/keys/"+url.PathEscape(typed), ""); a.code != http.StatusOK || !strings.Contains(a.body, codes[0]) {
				o.Errorf("%q at the admin API: %d %s", typed, a.code, a.body)
			}
			if info, err := customer.Info(s.Context(), keys.Code(typed)); err != nil || info.Status != keys.Active {
				o.Errorf("%q by the client: %+v, %v", typed, info, err)
			}
			if k, err := admin.Key(s.Context(), keys.Code(typed)); err != nil || string(k.Code) != codes[0] {
				o.Errorf("%q by the admin client: %+v, %v", typed, k, err)
			}
			if i < 4 || i == 12 { // each starts a process
				s.told(typed, codes[0])
			}
			if r := s.feed("code\n\""+strings.ReplaceAll(typed, `"`, `""`)+"\"\n", "keys", "import", "-"); r.code != 1 || !strings.Contains(r.err, "line 2: the code exists already") {
				o.Errorf("%q in a file: %+v", typed, r)
			}
			if i > 0 {
				o.accepted(upgrade(pasted(codes[i])[i], pending, "FR")) // ends at once: no plan is there
				o.endsAs(codes[i], "failed_upgrade", messages["out_of_stock"])
			}
		}
		o.is(o.get("info=%E2%80%8B"), http.StatusOK, notExist) // is empty, and does not count either
		o.is(o.get("info=nobody"), http.StatusOK, notExist)
		o.limited(o.get("info=nobody"), 60)
	})
}

// pasteAtPage sends a code by the form of the holder's page.
func (d *daemon) pasteAtPage(typed string) {
	d.Helper()
	a, err := d.try(http.MethodPost, d.url+"/", q("do", "info", "key", typed), http.Header{"Content-Type": {formType}})
	if err != nil || a.code != http.StatusOK || !strings.Contains(a.body, `data-state="active"`) {
		d.Errorf("%q at the page: %d, %v", typed, a.code, err)
	}
}

// TestPastedForeignCodes holds that of a code of another format only the ends are trimmed.
func TestPastedForeignCodes(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importKeys("code", "OLD.KEY_1-O", "\"\u200b a+b\u00a0\"")
		d := s.serve("--unknown-key-limit", "0")
		known := d.info("OLD.KEY_1-O")
		if known.Status != "active" {
			s.Fatalf("%+v", known)
		}
		for _, typed := range []string{"\u200bOLD.KEY_1-O", "OLD.KEY_1-O\ufeff\u200e", "\u2800 OLD.KEY_1-O\n\t"} {
			d.is(d.get(q("info", typed)), http.StatusOK, known.body)
		}
		for _, typed := range []string{"old.key_1-o", "OLD.KEY_1-0", "OLDKEY1O", "OLD.KEY_1–O", "“OLD.KEY_1-O”", "OLD\u200b.KEY_1-O", "ＯLD.KEY_1-O", "OLD.KEY 1-O"} {
			d.is(d.get(q("info", typed)), http.StatusOK, notExist)
		}
		for _, typed := range []string{"a b", "a+b", "\u00a0a b\u200b"} {
			if k := d.info(typed); k.Status != "active" {
				s.Errorf("%q: %s", typed, k.body)
			}
		}
	})
}

// TestPastedRequests holds that login, new email and country reach the provider without what is
// invisible at their ends, and the password as it was typed.
func TestPastedRequests(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importKeys("code,used", "K,", "L,1", "M,", "N,")
		s.mustFeed("id,country,slots\np,\u00a0us\u200b,2\n", "plans", "import", "-")
		o, _ := s.administered()
		if a := o.do("PUT", "/plans/q", `{"country":" de\ufeff","slots":2}`); a.code != http.StatusNoContent {
			s.Errorf("a plan: %d %s", a.code, a.body)
		}
		const secret = " correct horse 1\u00a0"
		o.accepted(q("upgrade", "K", "login", "\ufeffann@example.com\r\n", "pwd", secret, "country", "\u200b us "))
		o.accepted(q("renew", "L", "login", " bob@example.com\u200b", "pwd", secret, "country", "\tUS", "newemail", " new@example.com\u00a0", "newpwd", secret))
		o.is(o.get(q("renew", "L", "login", "\u200b", "pwd", secret, "country", "US")), http.StatusOK, refused("The login is missing"))
		o.endsAs("K", "success", "")
		o.endsAs("L", "success_renew", "Key Renewed")
		c := o.customer()
		german := func(ctx context.Context, code keys.Code, a tasks.Account, _ string) error {
			return c.Upgrade(ctx, code, a, " de\u200b")
		}
		c.waits("M", german, " cleo@example.com")
		s.sentAs("ann@example.com", secret, "", "US")
		s.sentAs("bob@example.com", secret, "new@example.com", "US")
		if next := s.asked("bob@example.com")[0].Order.Account.NewPassword.Reveal(); next != secret {
			s.Errorf("the new password is %q", next)
		}
		s.sentAs("cleo@example.com", password, "", "DE")

		if a, err := o.try(http.MethodPost, o.url+"/", q("do", "upgrade", "key", "N", "login", " dora@example.com", "pwd", secret, "country", " us"), http.Header{"Content-Type": {formType}}); err != nil || !strings.Contains(a.body, `data-state="accepted"`) {
			s.Errorf("at the page: %d, %v", a.code, err)
		}
		o.endsAs("N", "success", "")
		s.sentAs("dora@example.com", secret, "", "US")
	})
}

// sentAs holds what the provider was sent for a login.
func (s *shop) sentAs(login, password, email, country string) {
	s.Helper()
	all := s.asked(login)
	if len(all) != 1 {
		s.Fatalf("%s: %d requests", login, len(all))
	}
	a := all[0].Order.Account
	if a.Password.Reveal() != password || a.NewEmail.Reveal() != email || string(all[0].Order.Country) != country {
		s.Errorf("%s: %q, %q, %s", login, a.Password.Reveal(), a.NewEmail.Reveal(), all[0].Order.Country)
	}
}
