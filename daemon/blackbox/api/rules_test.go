package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A refusalRule is a request that a rule refuses. It breaks as many later rules as possible.
type refusalRule struct {
	name string
	form string
	want string
}

// ruleKeys are the keys of the tables below. A key's code says what is wrong with the key. An open task stays open as
// long as the daemon runs.
var ruleKeys = []string{
	"code,status,used,invite,address",
	"fresh-1,,,,", "fresh-2,,,,", "fresh-3,,,,", "fresh-4,,,,",
	"used-1,success,1,,", "used-2,success,1,,", "used-3,failed,1,,", "used-4,active,1,,",
	"used-5,success,1,,", "used-6,success,1,,", "used-7,success,1,,", "used-8,success,1,,",
	"legacy,,,an-invite,1 Old Street",
	"open-up,,,,", "open-re,success,1,,", "gone-up,,,,", "gone-re,success,1,,", "gone,,,,",
	strings.Repeat("k", 128) + ",,,,",
}

func TestFirstMatchingRuleAnswers(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys(ruleKeys...)
		s.ImportPlans("p,US,50,1 Main Street,inv", "x,XK,5,,")
		d := s.Serve()
		for _, code := range []string{"open-up", "gone-up"} {
			d.MustAccept(harness.Upgrade(code, harness.PendingLogin, "US"))
		}
		for _, code := range []string{"open-re", "gone-re"} {
			d.MustAccept(harness.Renew(code, harness.PendingLogin))
		}
		for _, code := range []string{"gone-up", "gone-re", "gone"} {
			s.MustExec("keys", "revoke", code)
		}
		for _, r := range append(upgradeRules(), renewRules()...) {
			s.Run(r.name, func(t *testing.T) {
				d := d.WithT(t)
				d.Expect(d.Get(r.form), http.StatusOK, r.want)
				d.Expect(d.Post(r.form), http.StatusOK, r.want)
			})
		}
		checkAccepted(d)
	})
}

func upgradeRules() []refusalRule {
	ok := []string{"login", "ann@example.com", "pwd", "x", "country", "us"}
	with := func(code string, pairs ...string) string {
		return harness.Query(append([]string{"upgrade", code}, pairs...)...)
	}
	var (
		missing, login  = harness.ErrorBody(harness.PasswordMissing), harness.ErrorBody(harness.LoginMissing)
		country, absent = harness.ErrorBody(harness.CountryInvalid), harness.ErrorBody(harness.UnknownKey)
	)
	return []refusalRule{
		{"upgrade/1 empty", with(""), harness.NotExist},
		{"upgrade/1 blank", with(" \t "), harness.NotExist},
		{"upgrade/1 unknown", with("nobody"), harness.NotExist},
		{"upgrade/1 unknown, all else right", with("nobody", ok...), harness.NotExist},
		{"upgrade/1 too long", with(strings.Repeat("k", 129), ok...), harness.NotExist},
		{"upgrade/1 other case", with("FRESH-1", ok...), harness.NotExist},
		{"upgrade/1 no ASCII", with("fresh-é"), harness.NotExist},
		{"upgrade/1 NUL", with("fresh-1\x00", ok...), harness.NotExist},
		{"upgrade/2 no password", with("gone-re"), missing},
		{"upgrade/2 empty password", with("gone-re", "pwd", "", "login", "", "country", ""), missing},
		{"upgrade/2 too long", with("gone-re", "pwd", strings.Repeat("p", 1025)), missing},
		{"upgrade/3 no login", with("gone-re", "pwd", "x"), login},
		{"upgrade/3 blank login", with("gone-re", "pwd", "x", "login", " \t"), login},
		{"upgrade/3 too long", with("gone-re", "pwd", "x", "login", strings.Repeat("l", 255)), login},
		{"upgrade/4 no country", with("gone-re", "pwd", "x", "login", "l"), country},
		{"upgrade/4 empty", with("gone-re", "pwd", "x", "login", "l", "country", ""), country},
		{"upgrade/4 name", with("gone-re", "pwd", "x", "login", "l", "country", "Germany"), country},
		{"upgrade/4 alpha-3", with("gone-re", "pwd", "x", "login", "l", "country", "USA"), country},
		{"upgrade/4 not assigned", with("gone-re", "pwd", "x", "login", "l", "country", "ZZ"), country},
		{"upgrade/4 reserved", with("gone-re", "pwd", "x", "login", "l", "country", "UK"), country},
		{"upgrade/4 dotless i", with("gone-re", "pwd", "x", "login", "l", "country", "ıt"), country},
		{"upgrade/6 revoked, renew open, used", with("gone-re", ok...), absent},
		{"upgrade/6 revoked, upgrade open", with("gone-up", ok...), absent},
		{"upgrade/6 revoked", with("gone", ok...), absent},
		{"upgrade/7 upgrade open", with("open-up", ok...), harness.ErrorBody(harness.UpgradeOpen)},
		{"upgrade/8 renew open, used", with("open-re", ok...), harness.ErrorBody(harness.RenewOpen)},
		{"upgrade/9 used", with("used-1", ok...), harness.ErrorBody(harness.KeyUsed)},
		{"upgrade/9 renew failed", with("used-3", ok...), harness.ErrorBody(harness.KeyUsed)},
		{"upgrade/9 used, active", with("used-4", ok...), harness.ErrorBody(harness.KeyUsed)},
		{"upgrade/9 legacy", with("legacy", ok...), harness.ErrorBody(harness.KeyUsed)},
	}
}

func renewRules() []refusalRule {
	ok := []string{"login", "ann@example.com", "pwd", harness.Password, "country", "US", "newemail", ""}
	with := func(code string, pairs ...string) string {
		return harness.Query(append([]string{"renew", code}, pairs...)...)
	}
	weak := func(name, pwd string) refusalRule {
		return refusalRule{"renew/2 " + name, with("gone-up", "pwd", pwd, "newemail", "none"), harness.ErrorBody(harness.PasswordWeak)}
	}
	next := func(name, newpwd string) refusalRule {
		return refusalRule{"renew/2 new password " + name, with("gone-up", "pwd", harness.Password, "newpwd", newpwd, "newemail", "none"), harness.ErrorBody(harness.PasswordWeak)}
	}
	email := func(name, address string) refusalRule {
		return refusalRule{
			"renew/5 " + name,
			with("gone-up", "pwd", harness.Password, "login", "l", "country", "US", "newemail", address), harness.ErrorBody(harness.EmailInvalid),
		}
	}
	return []refusalRule{
		{"renew/1 empty", with(""), harness.NotExist},
		{"renew/1 unknown", with("nobody"), harness.NotExist},
		{"renew/1 too long", with(strings.Repeat("k", 129), ok...), harness.NotExist},
		{"renew/2 no password", with("gone-up"), harness.ErrorBody(harness.PasswordWeak)},
		weak("empty", ""),
		weak("no digit, no special character", "abcdefghijkl"),
		weak("nine characters of two bytes", "éééééééé1"),
		weak("short", "short1!"),
		weak("too long", strings.Repeat("1", 1025)),
		next("short", "short1!"),
		next("no digit, no special character", "abcdefghijkl"),
		next("too long", strings.Repeat("1", 1025)),
		{"renew/3 no login", with("gone-up", "pwd", harness.Password, "newemail", "none"), harness.ErrorBody(harness.LoginMissing)},
		{"renew/3 blank", with("gone-up", "pwd", harness.Password, "login", "  "), harness.ErrorBody(harness.LoginMissing)},
		{"renew/3 too long", with("gone-up", "pwd", harness.Password, "login", strings.Repeat("l", 255)), harness.ErrorBody(harness.LoginMissing)},
		{"renew/4 no country", with("gone-up", "pwd", harness.Password, "login", "l", "newemail", "none"), harness.ErrorBody(harness.CountryInvalid)},
		{"renew/4 blank, with a new email", with("gone-up", "pwd", harness.Password, "login", "l", "country", " ", "newemail", "a@example.com"), harness.ErrorBody(harness.CountryInvalid)},
		{"renew/4 name", with("gone-up", "pwd", harness.Password, "login", "l", "country", "Germany"), harness.ErrorBody(harness.CountryInvalid)},
		{"renew/6 no country", with("gone-up", "pwd", harness.Password, "login", "l"), harness.ErrorBody(harness.UnknownKey)},
		{"renew/4 not assigned", with("gone-up", "pwd", harness.Password, "login", "l", "country", "EU"), harness.ErrorBody(harness.CountryInvalid)},
		email("no at", "ann.example.com"),
		email("no local part", "@example.com"),
		email("no domain", "ann@"),
		email("a name before it", "Ann <ann@example.com>"),
		email("two", "ann@example.com,bob@example.com"),
		email("a line break", "ann@example.com\r\nBcc: bob@example.com"),
		email("too long", strings.Repeat("a", 60)+"@"+strings.Repeat("b.", 97)+"c"),
		{"renew/6 revoked, upgrade open, not used", with("gone-up", ok...), harness.ErrorBody(harness.UnknownKey)},
		{"renew/6 revoked, renew open", with("gone-re", ok...), harness.ErrorBody(harness.UnknownKey)},
		{"renew/6 revoked", with("gone", ok...), harness.ErrorBody(harness.UnknownKey)},
		{"renew/7 upgrade open, not used", with("open-up", ok...), harness.ErrorBody(harness.UpgradeOpen)},
		{"renew/8 renew open", with("open-re", ok...), harness.ErrorBody(harness.RenewOpen)},
		{"renew/9 not used", with("fresh-1", ok...), harness.ErrorBody(harness.KeyUnused)},
		{"renew/10 legacy", with("legacy", ok...), harness.ErrorBody(harness.KeyLegacy)},
	}
}

// checkAccepted sends requests at the limits, which no rule refuses.
func checkAccepted(d *harness.Daemon) {
	d.Helper()
	long := strings.Repeat("l", 254)
	for _, form := range []string{
		harness.Query("upgrade", "fresh-1", "login", long, "pwd", strings.Repeat("p", 1024), "country", "xK"),
		harness.Query("upgrade", " fresh-3\n", "login", "l", "pwd", " ", "country", "Us", "newemail", "none"),
		harness.Query("upgrade", strings.Repeat("k", 128), "login", "l", "pwd", "p", "country", "FR"),
		harness.Query("renew", "used-1", "login", long, "pwd", "aaaaaaaaa٣", "country", "us"),
		harness.Query("renew", "used-3", "login", "l", "pwd", "ééééééééé!", "country", "DE", "newemail", ""),
		harness.Query("renew", "used-5", "login", "l", "pwd", "aaaaaaaaa€", "country", "DE", "newemail", "ann.o'neil+x@mail.example.com"),
		harness.Query("renew", "used-6", "login", "l", "pwd", strings.Repeat("1", 1024), "country", "DE", "newemail", strings.Repeat("a", 60)+"@"+strings.Repeat("b.", 96)+"c"),
	} {
		d.MustAccept(form)
	}
	d.Expect(d.Get(harness.Upgrade("fresh-2", "ann@example.com", "US")), http.StatusOK, harness.UpgradeSent)
	d.Expect(d.Get(harness.Renew("used-2", "ann@example.com")), http.StatusOK, harness.RenewSent)
	body := harness.Query("login", "ann@example.com", "pwd", harness.Password, "country", "US")
	mixed := d.Do(http.MethodPost, "/API/?upgrade=fresh-4", body, http.Header{"Content-Type": {harness.FormType + "; charset=UTF-8"}})
	d.Expect(mixed, http.StatusOK, harness.UpgradeSent)
	d.Expect(d.Do(http.MethodPost, "/API/?"+harness.Renew("used-7", "ann@example.com"), "", nil), http.StatusOK, harness.RenewSent)
	d.Expect(d.Post(harness.Renew("used-4", "ann@example.com")), http.StatusOK, harness.RenewSent)
}
