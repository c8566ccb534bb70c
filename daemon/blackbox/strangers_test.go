package blackbox_test

import (
	"net/http"
	"strconv"
	"testing"
)

// limited fails the test unless the answer tells a client to come back within that many seconds.
func (d *daemon) limited(a answer, most int) {
	d.Helper()
	d.is(a, http.StatusTooManyRequests, tooMany)
	if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 1 || after > most {
		d.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	}
}

// from is a call that came through a proxy from that address.
func (d *daemon) from(address, query string) answer {
	d.Helper()
	return d.ask(http.MethodGet, "/API/?"+query, "", header("X-Forwarded-For", address))
}

// A code of keyseat's own format with a right check character, which no shop of these tests has, and
// the same with a wrong one.
const (
	ownCode   = "00000-00000-00000-00000-00000"
	wrongCode = "00000-00000-00000-00000-00001"
)

func TestStrangersAreLimited(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importKeys("code,revoked", "K,", "gone,1")
		s.importPlans("p,US,5,,")
		d := s.serve("--unknown-key-limit", "3", "--trusted-proxies", "127.0.0.1", "--trusted-callers", "192.0.2.0/28,2001:db8:1::/48")
		unknown := []string{"info=a", "info=" + wrongCode, upgrade("b", "l", "US"), renew("c", "l")}
		for range 5 { // none of these counts
			for _, query := range []string{"info=", "info=+", "info=gone", "info=K", "info=" + ownCode, upgrade(ownCode, "l", "US"), renew("K", "l"), "stock"} {
				d.from("198.51.100.1", query)
			}
			for _, query := range unknown {
				d.is(d.from("192.0.2.15", query), 200, notExist)
				d.is(d.from("2001:db8:1:ffff::1", query), 200, notExist)
			}
		}
		for _, query := range unknown[:3] {
			d.is(d.from("198.51.100.1", query), 200, notExist)
		}
		for _, query := range []string{"info=K", "info=gone", "info=a", "info=" + wrongCode, upgrade("K", "l", "US"), renew("K", "l"), upgrade("K", "", "")} {
			d.limited(d.from("198.51.100.1", query), 60)
		}
		d.is(d.from("198.51.100.1", "info="), 200, notExist)
		d.is(d.from("198.51.100.1", "info="+ownCode), 200, notExist)
		d.is(d.from("198.51.100.1", upgrade(ownCode, "l", "US")), 200, notExist)
		d.is(d.from("198.51.100.1", "stock"), 200, `[{"country":"United States","country_code":"US","slots":5}]`)
		d.is(d.from("198.51.100.2", "info=a"), 200, notExist)
		d.is(d.from("198.51.100.1, 198.51.100.3", "info=a"), 200, notExist) // what stands before is hearsay
		if k := d.info("K"); k.Status != "active" {
			s.Errorf("a refused call changed %s", k.body)
		}
	})
}

// TestStrangersAreCountedBySubnet holds that an IPv6 subscriber's /64 is one address.
func TestStrangersAreCountedBySubnet(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		d := s.serve("--unknown-key-limit", "2", "--trusted-proxies", "127.0.0.0/8")
		d.is(d.from("2001:db8::1", "info=a"), 200, notExist)
		d.is(d.from("2001:db8::ffff:0:0:1", "info=a"), 200, notExist)
		d.limited(d.from("2001:db8::2", "info=a"), 60)
		d.is(d.from("2001:db8:0:1::2", "info=a"), 200, notExist)
		d.is(d.from("::ffff:203.0.113.1", "info=a"), 200, notExist)
		d.is(d.from("203.0.113.1", "info=a"), 200, notExist)
		d.limited(d.from("203.0.113.1", "info=a"), 60)
	})
}

// TestNobodyIsBelieved holds that without trusted proxies the peer is the client, and that 0 is off.
func TestNobodyIsBelieved(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		d := s.serve("--unknown-key-limit", "2")
		d.is(d.from("198.51.100.1", "info=a"), 200, notExist)
		d.is(d.from("198.51.100.2", "info=a"), 200, notExist)
		d.limited(d.from("198.51.100.3", "info=a"), 60)
		d.stop()
		d = s.serve("--unknown-key-limit=0")
		for range 50 {
			d.is(d.get("info=a"), 200, notExist)
		}
	})
}

func TestTasksPerKey(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importKeys("code,used", "K,", "L,1", "M,")
		s.importPlans("p,US,5,,")
		d := s.serve("--key-task-limit", "2")
		for range 5 { // want of stock does not count
			d.accepted(upgrade("K", "l@example.com", "FR"))
			d.endsAs("K", "failed_upgrade", messages["out_of_stock"])
		}
		for range 2 {
			d.accepted(upgrade("K", "wrong_address@example.com", "US"))
			d.endsAs("K", "failed_upgrade", messages["wrong_address"])
			d.accepted(renew("L", "still_premium@example.com"))
			d.endsAs("L", "failed", messages["still_premium"])
		}
		d.limited(d.get(upgrade("K", "l@example.com", "US")), 1800)
		d.limited(d.post(renew("L", "l@example.com")), 1800)
		d.endsAs("K", "failed_upgrade", messages["wrong_address"])
		// It comes after every rule.
		d.is(d.get(q("upgrade", "K")), 200, refused(passwordMissing))
		d.is(d.get(q("upgrade", "K", "pwd", "x", "login", "l", "country", "xx")), 200, refused(countryInvalid))
		d.is(d.get(renew("K", "l")), 200, refused(keyUnused))
		d.is(d.get(upgrade("L", "l", "US")), 200, refused(keyUsed))
		d.accepted(upgrade("M", "success@example.com", "US"))
		s.must("keys", "reset", "K") // gives the whole allowance back
		d.accepted(upgrade("K", "success@example.com", "US"))
	})
}
