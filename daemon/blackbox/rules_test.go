package blackbox_test

import (
	"net/http"
	"strings"
	"testing"
)

// A refusalRule is a request that one rule refuses, and that breaks as many later ones as it can.
type refusalRule struct {
	name string
	form string
	want string
}

// The keys of the tables, by what is the matter with them. An open task ends only with its daemon.
var ruleKeys = []string{
	"code,status,used,invite,address",
	"fresh-1,,,,", "fresh-2,,,,", "fresh-3,,,,", "fresh-4,,,,",
	"used-1,success,1,,", "used-2,success,1,,", "used-3,failed,1,,", "used-4,active,1,,",
	"used-5,success,1,,", "used-6,success,1,,", "used-7,success,1,,", "used-8,success,1,,",
	"legacy,,,an-invite,1 Old Street",
	"open-up,,,,", "open-re,success,1,,", "gone-up,,,,", "gone-re,success,1,,", "gone,,,,",
	strings.Repeat("k", 128) + ",,,,",
}

// PendingLogin is a login whose task stays open.
const PendingLogin = "202@example.com"

func TestFirstMatchingRuleAnswers(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.ImportKeys(ruleKeys...)
		s.ImportPlans("p,US,50,1 Main Street,inv", "x,XK,5,,")
		d := s.Serve()
		for _, code := range []string{"open-up", "gone-up"} {
			d.MustAccept(Upgrade(code, PendingLogin, "US"))
		}
		for _, code := range []string{"open-re", "gone-re"} {
			d.MustAccept(Renew(code, PendingLogin))
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
		d.checkAccepted()
	})
}

// WithT is the daemon as a subtest uses it.
func (d *Daemon) WithT(t *testing.T) *Daemon {
	s := *d.Shop
	s.T = t
	c := *d
	c.Shop = &s
	return &c
}

func upgradeRules() []refusalRule {
	ok := []string{"login", "ann@example.com", "pwd", "x", "country", "us"}
	with := func(code string, pairs ...string) string {
		return Query(append([]string{"upgrade", code}, pairs...)...)
	}
	var (
		missing, login  = ErrorBody(PasswordMissing), ErrorBody(LoginMissing)
		country, absent = ErrorBody(CountryInvalid), ErrorBody(UnknownKey)
	)
	return []refusalRule{
		{"upgrade/1 empty", with(""), NotExist},
		{"upgrade/1 blank", with(" \t "), NotExist},
		{"upgrade/1 unknown", with("nobody"), NotExist},
		{"upgrade/1 unknown, all else right", with("nobody", ok...), NotExist},
		{"upgrade/1 too long", with(strings.Repeat("k", 129), ok...), NotExist},
		{"upgrade/1 other case", with("FRESH-1", ok...), NotExist},
		{"upgrade/1 no ASCII", with("fresh-é"), NotExist},
		{"upgrade/1 NUL", with("fresh-1\x00", ok...), NotExist},
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
		{"upgrade/7 upgrade open", with("open-up", ok...), ErrorBody(UpgradeOpen)},
		{"upgrade/8 renew open, used", with("open-re", ok...), ErrorBody(RenewOpen)},
		{"upgrade/9 used", with("used-1", ok...), ErrorBody(KeyUsed)},
		{"upgrade/9 renew failed", with("used-3", ok...), ErrorBody(KeyUsed)},
		{"upgrade/9 used, active", with("used-4", ok...), ErrorBody(KeyUsed)},
		{"upgrade/9 legacy", with("legacy", ok...), ErrorBody(KeyUsed)},
	}
}

func renewRules() []refusalRule {
	ok := []string{"login", "ann@example.com", "pwd", Password, "country", "US", "newemail", ""}
	with := func(code string, pairs ...string) string { return Query(append([]string{"renew", code}, pairs...)...) }
	weak := func(name, pwd string) refusalRule {
		return refusalRule{"renew/2 " + name, with("gone-up", "pwd", pwd, "newemail", "none"), ErrorBody(PasswordWeak)}
	}
	next := func(name, newpwd string) refusalRule {
		return refusalRule{"renew/2 new password " + name, with("gone-up", "pwd", Password, "newpwd", newpwd, "newemail", "none"), ErrorBody(PasswordWeak)}
	}
	email := func(name, address string) refusalRule {
		return refusalRule{
			"renew/5 " + name,
			with("gone-up", "pwd", Password, "login", "l", "country", "US", "newemail", address), ErrorBody(EmailInvalid),
		}
	}
	return []refusalRule{
		{"renew/1 empty", with(""), NotExist},
		{"renew/1 unknown", with("nobody"), NotExist},
		{"renew/1 too long", with(strings.Repeat("k", 129), ok...), NotExist},
		{"renew/2 no password", with("gone-up"), ErrorBody(PasswordWeak)},
		weak("empty", ""),
		weak("no digit, no special character", "abcdefghijkl"),
		weak("nine characters of two bytes", "éééééééé1"),
		weak("short", "short1!"),
		weak("too long", strings.Repeat("1", 1025)),
		next("short", "short1!"),
		next("no digit, no special character", "abcdefghijkl"),
		next("too long", strings.Repeat("1", 1025)),
		{"renew/3 no login", with("gone-up", "pwd", Password, "newemail", "none"), ErrorBody(LoginMissing)},
		{"renew/3 blank", with("gone-up", "pwd", Password, "login", "  "), ErrorBody(LoginMissing)},
		{"renew/3 too long", with("gone-up", "pwd", Password, "login", strings.Repeat("l", 255)), ErrorBody(LoginMissing)},
		{"renew/4 no country", with("gone-up", "pwd", Password, "login", "l", "newemail", "none"), ErrorBody(CountryInvalid)},
		{"renew/4 blank, with a new email", with("gone-up", "pwd", Password, "login", "l", "country", " ", "newemail", "a@example.com"), ErrorBody(CountryInvalid)},
		{"renew/4 name", with("gone-up", "pwd", Password, "login", "l", "country", "Germany"), ErrorBody(CountryInvalid)},
		{"renew/6 no country", with("gone-up", "pwd", Password, "login", "l"), ErrorBody(UnknownKey)},
		{"renew/4 not assigned", with("gone-up", "pwd", Password, "login", "l", "country", "EU"), ErrorBody(CountryInvalid)},
		email("no at", "ann.example.com"),
		email("no local part", "@example.com"),
		email("no domain", "ann@"),
		email("a name before it", "Ann <ann@example.com>"),
		email("two", "ann@example.com,bob@example.com"),
		email("a line break", "ann@example.com\r\nBcc: bob@example.com"),
		email("too long", strings.Repeat("a", 60)+"@"+strings.Repeat("b.", 97)+"c"),
		{"renew/6 revoked, upgrade open, not used", with("gone-up", ok...), ErrorBody(UnknownKey)},
		{"renew/6 revoked, renew open", with("gone-re", ok...), ErrorBody(UnknownKey)},
		{"renew/6 revoked", with("gone", ok...), ErrorBody(UnknownKey)},
		{"renew/7 upgrade open, not used", with("open-up", ok...), ErrorBody(UpgradeOpen)},
		{"renew/8 renew open", with("open-re", ok...), ErrorBody(RenewOpen)},
		{"renew/9 not used", with("fresh-1", ok...), ErrorBody(KeyUnused)},
		{"renew/10 legacy", with("legacy", ok...), ErrorBody(KeyLegacy)},
	}
}

// checkAccepted are requests at the limits, which no rule refuses.
func (d *Daemon) checkAccepted() {
	d.Helper()
	long := strings.Repeat("l", 254)
	for _, form := range []string{
		Query("upgrade", "fresh-1", "login", long, "pwd", strings.Repeat("p", 1024), "country", "xK"),
		Query("upgrade", " fresh-3\n", "login", "l", "pwd", " ", "country", "Us", "newemail", "none"),
		Query("upgrade", strings.Repeat("k", 128), "login", "l", "pwd", "p", "country", "FR"),
		Query("renew", "used-1", "login", long, "pwd", "aaaaaaaaa٣", "country", "us"),
		Query("renew", "used-3", "login", "l", "pwd", "ééééééééé!", "country", "DE", "newemail", ""),
		Query("renew", "used-5", "login", "l", "pwd", "aaaaaaaaa€", "country", "DE", "newemail", "ann.o'neil+x@mail.example.com"),
		Query("renew", "used-6", "login", "l", "pwd", strings.Repeat("1", 1024), "country", "DE", "newemail", strings.Repeat("a", 60)+"@"+strings.Repeat("b.", 96)+"c"),
	} {
		d.MustAccept(form)
	}
	d.Expect(d.Get(Upgrade("fresh-2", "ann@example.com", "US")), http.StatusOK, UpgradeSent)
	d.Expect(d.Get(Renew("used-2", "ann@example.com")), http.StatusOK, RenewSent)
	body := Query("login", "ann@example.com", "pwd", Password, "country", "US")
	mixed := d.Do(http.MethodPost, "/API/?upgrade=fresh-4", body, http.Header{"Content-Type": {FormType + "; charset=UTF-8"}})
	d.Expect(mixed, http.StatusOK, UpgradeSent)
	d.Expect(d.Do(http.MethodPost, "/API/?"+Renew("used-7", "ann@example.com"), "", nil), http.StatusOK, RenewSent)
	d.Expect(d.Post(Renew("used-4", "ann@example.com")), http.StatusOK, RenewSent)
}
