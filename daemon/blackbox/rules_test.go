package blackbox_test

import (
	"net/http"
	"strings"
	"testing"
)

// A rule is a request that one rule refuses, and that breaks as many later ones as it can.
type rule struct {
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

// pending is a login whose task stays open.
const pending = "202@example.com"

func TestFirstRuleThatFits(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importKeys(ruleKeys...)
		s.importPlans("p,US,50,1 Main Street,inv", "x,XK,5,,")
		d := s.serve()
		for _, code := range []string{"open-up", "gone-up"} {
			d.accepted(upgrade(code, pending, "US"))
		}
		for _, code := range []string{"open-re", "gone-re"} {
			d.accepted(renew(code, pending))
		}
		for _, code := range []string{"gone-up", "gone-re", "gone"} {
			s.must("keys", "revoke", code)
		}
		for _, r := range append(upgradeRules(), renewRules()...) {
			s.Run(r.name, func(t *testing.T) {
				d := d.in(t)
				d.is(d.get(r.form), http.StatusOK, r.want)
				d.is(d.post(r.form), http.StatusOK, r.want)
			})
		}
		d.acceptances()
	})
}

// in is the daemon as a subtest uses it.
func (d *daemon) in(t *testing.T) *daemon {
	s := *d.shop
	s.T = t
	c := *d
	c.shop = &s
	return &c
}

func upgradeRules() []rule {
	ok := []string{"login", "ann@example.com", "pwd", "x", "country", "us"}
	with := func(code string, pairs ...string) string { return q(append([]string{"upgrade", code}, pairs...)...) }
	var (
		missing, login  = refused(passwordMissing), refused(loginMissing)
		country, absent = refused(countryInvalid), refused(unknownKey)
	)
	return []rule{
		{"upgrade/1 empty", with(""), notExist},
		{"upgrade/1 blank", with(" \t "), notExist},
		{"upgrade/1 unknown", with("nobody"), notExist},
		{"upgrade/1 unknown, all else right", with("nobody", ok...), notExist},
		{"upgrade/1 too long", with(strings.Repeat("k", 129), ok...), notExist},
		{"upgrade/1 other case", with("FRESH-1", ok...), notExist},
		{"upgrade/1 no ASCII", with("fresh-é"), notExist},
		{"upgrade/1 NUL", with("fresh-1\x00", ok...), notExist},
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
		{"upgrade/7 upgrade open", with("open-up", ok...), refused(upgradeOpen)},
		{"upgrade/8 renew open, used", with("open-re", ok...), refused(renewOpen)},
		{"upgrade/9 used", with("used-1", ok...), refused(keyUsed)},
		{"upgrade/9 renew failed", with("used-3", ok...), refused(keyUsed)},
		{"upgrade/9 used, active", with("used-4", ok...), refused(keyUsed)},
		{"upgrade/9 legacy", with("legacy", ok...), refused(keyUsed)},
	}
}

func renewRules() []rule {
	ok := []string{"login", "ann@example.com", "pwd", password, "country", "US", "newemail", ""}
	with := func(code string, pairs ...string) string { return q(append([]string{"renew", code}, pairs...)...) }
	weak := func(name, pwd string) rule {
		return rule{"renew/2 " + name, with("gone-up", "pwd", pwd, "newemail", "none"), refused(passwordWeak)}
	}
	next := func(name, newpwd string) rule {
		return rule{"renew/2 new password " + name, with("gone-up", "pwd", password, "newpwd", newpwd, "newemail", "none"), refused(passwordWeak)}
	}
	email := func(name, address string) rule {
		return rule{
			"renew/5 " + name,
			with("gone-up", "pwd", password, "login", "l", "country", "US", "newemail", address), refused(emailInvalid),
		}
	}
	return []rule{
		{"renew/1 empty", with(""), notExist},
		{"renew/1 unknown", with("nobody"), notExist},
		{"renew/1 too long", with(strings.Repeat("k", 129), ok...), notExist},
		{"renew/2 no password", with("gone-up"), refused(passwordWeak)},
		weak("empty", ""),
		weak("no digit, no special character", "abcdefghijkl"),
		weak("nine characters of two bytes", "éééééééé1"),
		weak("short", "short1!"),
		weak("too long", strings.Repeat("1", 1025)),
		next("short", "short1!"),
		next("no digit, no special character", "abcdefghijkl"),
		next("too long", strings.Repeat("1", 1025)),
		{"renew/3 no login", with("gone-up", "pwd", password, "newemail", "none"), refused(loginMissing)},
		{"renew/3 blank", with("gone-up", "pwd", password, "login", "  "), refused(loginMissing)},
		{"renew/3 too long", with("gone-up", "pwd", password, "login", strings.Repeat("l", 255)), refused(loginMissing)},
		{"renew/4 no country", with("gone-up", "pwd", password, "login", "l", "newemail", "none"), refused(countryInvalid)},
		{"renew/4 blank, with a new email", with("gone-up", "pwd", password, "login", "l", "country", " ", "newemail", "a@example.com"), refused(countryInvalid)},
		{"renew/4 name", with("gone-up", "pwd", password, "login", "l", "country", "Germany"), refused(countryInvalid)},
		{"renew/6 no country", with("gone-up", "pwd", password, "login", "l"), refused(unknownKey)},
		{"renew/4 not assigned", with("gone-up", "pwd", password, "login", "l", "country", "EU"), refused(countryInvalid)},
		email("no at", "ann.example.com"),
		email("no local part", "@example.com"),
		email("no domain", "ann@"),
		email("a name before it", "Ann <ann@example.com>"),
		email("two", "ann@example.com,bob@example.com"),
		email("a line break", "ann@example.com\r\nBcc: bob@example.com"),
		email("too long", strings.Repeat("a", 60)+"@"+strings.Repeat("b.", 97)+"c"),
		{"renew/6 revoked, upgrade open, not used", with("gone-up", ok...), refused(unknownKey)},
		{"renew/6 revoked, renew open", with("gone-re", ok...), refused(unknownKey)},
		{"renew/6 revoked", with("gone", ok...), refused(unknownKey)},
		{"renew/7 upgrade open, not used", with("open-up", ok...), refused(upgradeOpen)},
		{"renew/8 renew open", with("open-re", ok...), refused(renewOpen)},
		{"renew/9 not used", with("fresh-1", ok...), refused(keyUnused)},
		{"renew/10 legacy", with("legacy", ok...), refused(keyLegacy)},
	}
}

// acceptances are requests at the limits, which no rule refuses.
func (d *daemon) acceptances() {
	d.Helper()
	long := strings.Repeat("l", 254)
	for _, form := range []string{
		q("upgrade", "fresh-1", "login", long, "pwd", strings.Repeat("p", 1024), "country", "xK"),
		q("upgrade", " fresh-3\n", "login", "l", "pwd", " ", "country", "Us", "newemail", "none"),
		q("upgrade", strings.Repeat("k", 128), "login", "l", "pwd", "p", "country", "FR"),
		q("renew", "used-1", "login", long, "pwd", "aaaaaaaaa٣", "country", "us"),
		q("renew", "used-3", "login", "l", "pwd", "ééééééééé!", "country", "DE", "newemail", ""),
		q("renew", "used-5", "login", "l", "pwd", "aaaaaaaaa€", "country", "DE", "newemail", "ann.o'neil+x@mail.example.com"),
		q("renew", "used-6", "login", "l", "pwd", strings.Repeat("1", 1024), "country", "DE", "newemail", strings.Repeat("a", 60)+"@"+strings.Repeat("b.", 96)+"c"),
	} {
		d.accepted(form)
	}
	d.is(d.get(upgrade("fresh-2", "ann@example.com", "US")), http.StatusOK, upgradeSent)
	d.is(d.get(renew("used-2", "ann@example.com")), http.StatusOK, renewSent)
	body := q("login", "ann@example.com", "pwd", password, "country", "US")
	mixed := d.ask(http.MethodPost, "/API/?upgrade=fresh-4", body, http.Header{"Content-Type": {formType + "; charset=UTF-8"}})
	d.is(mixed, http.StatusOK, upgradeSent)
	d.is(d.ask(http.MethodPost, "/API/?"+renew("used-7", "ann@example.com"), "", nil), http.StatusOK, renewSent)
	d.is(d.post(renew("used-4", "ann@example.com")), http.StatusOK, renewSent)
}
