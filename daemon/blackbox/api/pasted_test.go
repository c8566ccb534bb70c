package api_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// spellings returns the spellings in which people may paste a generated code.
func spellings(code string) []string {
	bare := strings.ReplaceAll(code, "-", "")
	wide := strings.Map(func(r rune) rune { return r + '！' - '!' }, code)
	all := []string{
		"\u200b" + code, code + "\ufeff", "\u2066" + code + "\u2069", "“" + code + "”", "'" + code + "'", "\u00a0«" + code + "»\u3000",
		strings.ReplaceAll(code, "-", "–"), strings.ReplaceAll(code, "-", "\u2011"), strings.ReplaceAll(code, "-", "−"),
		strings.ReplaceAll(code, "-", " "), strings.ReplaceAll(code, "-", "_"), strings.ReplaceAll(code, "-", "."),
		wide, strings.ToLower(wide), strings.NewReplacer("0", "O", "1", "I").Replace(bare), strings.NewReplacer("0", "o", "1", "l").Replace(code),
		strings.Join(strings.Split(bare, ""), "\u200d"),
	}
	return append(all, strings.ToLower(bare), bare, strings.ToLower(code), " "+code+" ", bare[:7]+"-"+bare[7:])
}

// mistype returns the code with a wrong first character.
func mistype(code string) string {
	if code[0] == '0' {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}

// issueKeys makes keys with generated codes. The first code contains a 0 and a 1.
func issueKeys(s *harness.Shop) (codes []string) {
	s.Helper()
	codes = strings.Fields(s.MustExec("keys", "generate", "--count", "64"))
	for i, code := range codes {
		if strings.Contains(code, "0") && strings.Contains(code, "1") {
			codes[0], codes[i] = codes[i], codes[0]
			return codes
		}
	}
	s.Fatal("no code has a 0 and a 1")
	return nil
}

// TestPastedCodesAreAccepted sends each spelling of a code to every call with a code. No spelling counts as an unknown
// key, but a mistyped code does.
func TestPastedCodesAreAccepted(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		codes := issueKeys(s)
		o, _ := s.ServeAdmin("--unknown-key-limit", "1")
		visitor, _ := o.SignIn(o.Token)
		customer, admin := newCustomer(o.Daemon), adminClient(o, o.Token)
		want := o.Info(codes[0])
		if want.Status != "active" || want.Used != 0 || want.PurchaseDate == nil {
			o.Errorf("a new key is %s", want.Body)
		}
		for i, typed := range spellings(codes[0]) {
			o.Expect(o.Get(harness.Query("info", typed)), http.StatusOK, want.Body)
			o.Expect(o.Post(harness.Query("info", typed)), http.StatusOK, want.Body)
			submitAtPage(o.Daemon, typed)
			if a := visitor.ExpectStatus(http.StatusOK, "GET", harness.KeyPath(visitor.KeyReference(typed)), ""); !strings.Contains(a.Body, codes[0]) {
				o.Errorf("%q at the console: %s", typed, a.Body)
			}
			if a := o.Call("GET", "/keys/"+url.PathEscape(typed), ""); a.Code != http.StatusOK || !strings.Contains(a.Body, codes[0]) {
				o.Errorf("%q at the admin API: %d %s", typed, a.Code, a.Body)
			}
			if info, err := customer.Info(s.Context(), keys.Code(typed)); err != nil || info.Status != keys.Active {
				o.Errorf("%q by the client: %+v, %v", typed, info, err)
			}
			if k, err := admin.Key(s.Context(), keys.Code(typed)); err != nil || string(k.Code) != codes[0] {
				o.Errorf("%q by the admin client: %+v, %v", typed, k, err)
			}
			if i < 4 || i == 12 { // each call starts a process
				if out := s.MustExec("keys", "show", typed); !strings.Contains(out, codes[0]) {
					s.Errorf("%q at the command line: %s", typed, out)
				}
			}
			if r := s.ExecInput("code\n\""+strings.ReplaceAll(typed, `"`, `""`)+"\"\n", "keys", "import", "-"); r.Code != 1 || !strings.Contains(r.Err, "line 2: the code exists already") {
				o.Errorf("%q in a file: %+v", typed, r)
			}
			if i > 0 {
				o.MustAccept(harness.Upgrade(spellings(codes[i])[i], harness.PendingLogin, "FR")) // ends immediately, because no plan exists
				o.ExpectEnd(codes[i], "failed_upgrade", harness.Messages["out_of_stock"])
			}
		}
		o.Expect(o.Get("info=%E2%80%8B"), http.StatusOK, harness.NotExist) // an empty code does not count
		o.Expect(o.Get(harness.Query("info", mistype(codes[0]))), http.StatusOK, harness.NotExist)
		o.ExpectLimited(o.Get("info=nobody"), 60)
	})
}

// submitAtPage sends a code with the form of the page.
func submitAtPage(d *harness.Daemon, typed string) {
	d.Helper()
	a, err := d.Send(http.MethodPost, d.URL+"/", harness.Query("do", "info", "key", typed), http.Header{"Content-Type": {harness.FormType}})
	if err != nil || a.Code != http.StatusOK || !strings.Contains(a.Body, `data-state="active"`) {
		d.Errorf("%q at the page: %d, %v", typed, a.Code, err)
	}
}

// TestPastedForeignCodesAreTrimmed checks that a code that keyseat has not generated is trimmed only at its ends.
func TestPastedForeignCodesAreTrimmed(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code", "OLD.KEY_1-O", "\"\u200b a+b\u00a0\"")
		d := s.Serve("--unknown-key-limit", "0")
		known := d.Info("OLD.KEY_1-O")
		if known.Status != "active" {
			s.Fatalf("%+v", known)
		}
		for _, typed := range []string{"\u200bOLD.KEY_1-O", "OLD.KEY_1-O\ufeff\u200e", "\u2800 OLD.KEY_1-O\n\t"} {
			d.Expect(d.Get(harness.Query("info", typed)), http.StatusOK, known.Body)
		}
		for _, typed := range []string{"old.key_1-o", "OLD.KEY_1-0", "OLDKEY1O", "OLD.KEY_1–O", "“OLD.KEY_1-O”", "OLD\u200b.KEY_1-O", "ＯLD.KEY_1-O", "OLD.KEY 1-O"} {
			d.Expect(d.Get(harness.Query("info", typed)), http.StatusOK, harness.NotExist)
		}
		for _, typed := range []string{"a b", "a+b", "\u00a0a b\u200b"} {
			if k := d.Info(typed); k.Status != "active" {
				s.Errorf("%q: %s", typed, k.Body)
			}
		}
	})
}

// TestPastedFieldsAreTrimmed checks that login, new email and country reach the provider without invisible characters
// at their ends. Passwords stay as they are.
func TestPastedFieldsAreTrimmed(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code,used", "K,", "L,1", "M,", "N,")
		s.MustExecInput("id,country,slots\np,\u00a0us\u200b,2\n", "plans", "import", "-")
		o, _ := s.ServeAdmin()
		if a := o.Call("PUT", "/plans/q", `{"country":" de\ufeff","slots":2}`); a.Code != http.StatusNoContent {
			s.Errorf("a plan: %d %s", a.Code, a.Body)
		}
		const secret = " correct horse 1\u00a0"
		o.MustAccept(harness.Query("upgrade", "K", "login", "\ufeffann@example.com\r\n", "pwd", secret, "country", "\u200b us "))
		o.MustAccept(harness.Query("renew", "L", "login", " bob@example.com\u200b", "pwd", secret, "country", "\tUS", "newemail", " new@example.com\u00a0", "newpwd", secret))
		o.Expect(o.Get(harness.Query("renew", "L", "login", "\u200b", "pwd", secret, "country", "US")), http.StatusOK, harness.ErrorBody("The login is missing"))
		o.ExpectEnd("K", "success", "")
		o.ExpectEnd("L", "success_renew", "Key Renewed")
		c := newCustomer(o.Daemon)
		german := func(ctx context.Context, code keys.Code, a tasks.Account, _ string) error {
			return c.Upgrade(ctx, code, a, " de\u200b")
		}
		c.changeAndWait("M", german, " cleo@example.com")
		expectSent(s, "ann@example.com", secret, "", "US")
		expectSent(s, "bob@example.com", secret, "new@example.com", "US")
		if next := s.ProviderRequests("bob@example.com")[0].Content.Account.NewPassword.Reveal(); next != secret {
			s.Errorf("the new password is %q", next)
		}
		expectSent(s, "cleo@example.com", harness.Password, "", "DE")

		if a, err := o.Send(http.MethodPost, o.URL+"/", harness.Query("do", "upgrade", "key", "N", "login", " dora@example.com", "pwd", secret, "country", " us"), http.Header{"Content-Type": {harness.FormType}}); err != nil || !strings.Contains(a.Body, `data-state="accepted"`) {
			s.Errorf("at the page: %d, %v", a.Code, err)
		}
		o.ExpectEnd("N", "success", "")
		expectSent(s, "dora@example.com", secret, "", "US")
	})
}

// expectSent checks the content of the only request to the provider for a login.
func expectSent(s *harness.Shop, login, password, email, country string) {
	s.Helper()
	all := s.ProviderRequests(login)
	if len(all) != 1 {
		s.Fatalf("%s: %d requests", login, len(all))
	}
	a := all[0].Content.Account
	if a.Password.Reveal() != password || a.NewEmail.Reveal() != email || string(all[0].Content.Country) != country {
		s.Errorf("%s: %q, %q, %s", login, a.Password.Reveal(), a.NewEmail.Reveal(), all[0].Content.Country)
	}
}
