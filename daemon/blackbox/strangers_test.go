package blackbox_test

import (
	"net/http"
	"strconv"
	"testing"
)

// ExpectLimited fails the test unless the answer tells a client to come back within that many seconds.
func (d *Daemon) ExpectLimited(a Response, most int) {
	d.Helper()
	d.Expect(a, http.StatusTooManyRequests, TooMany)
	if after, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || after < 1 || after > most {
		d.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
	}
}

// GetFrom is a call that came through a proxy from that address.
func (d *Daemon) GetFrom(address, query string) Response {
	d.Helper()
	return d.Do(http.MethodGet, "/API/?"+query, "", Headers("X-Forwarded-For", address))
}

// A code of keyseat's own format with a right check character, which no shop of these tests has, and
// the same with a wrong one.
const (
	validCode   = "00000-00000-00000-00000-00000"
	invalidCode = "00000-00000-00000-00000-00001"
)

func TestUnknownKeysAreLimited(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.ImportKeys("code,revoked", "K,", "gone,1")
		s.ImportPlans("p,US,5,,")
		d := s.Serve("--unknown-key-limit", "3", "--trusted-proxies", "127.0.0.1", "--trusted-callers", "192.0.2.0/28,2001:db8:1::/48")
		unknown := []string{"info=a", "info=" + invalidCode, Upgrade("b", "l", "US"), Renew("c", "l")}
		for range 5 { // none of these counts
			for _, query := range []string{"info=", "info=+", "info=gone", "info=K", "info=" + validCode, Upgrade(validCode, "l", "US"), Renew("K", "l"), "stock"} {
				d.GetFrom("198.51.100.1", query)
			}
			for _, query := range unknown {
				d.Expect(d.GetFrom("192.0.2.15", query), 200, NotExist)
				d.Expect(d.GetFrom("2001:db8:1:ffff::1", query), 200, NotExist)
			}
		}
		for _, query := range unknown[:3] {
			d.Expect(d.GetFrom("198.51.100.1", query), 200, NotExist)
		}
		for _, query := range []string{"info=K", "info=gone", "info=a", "info=" + invalidCode, Upgrade("K", "l", "US"), Renew("K", "l"), Upgrade("K", "", "")} {
			d.ExpectLimited(d.GetFrom("198.51.100.1", query), 60)
		}
		d.Expect(d.GetFrom("198.51.100.1", "info="), 200, NotExist)
		d.Expect(d.GetFrom("198.51.100.1", "info="+validCode), 200, NotExist)
		d.Expect(d.GetFrom("198.51.100.1", Upgrade(validCode, "l", "US")), 200, NotExist)
		d.Expect(d.GetFrom("198.51.100.1", "stock"), 200, `[{"country":"United States","country_code":"US","slots":5}]`)
		d.Expect(d.GetFrom("198.51.100.2", "info=a"), 200, NotExist)
		d.Expect(d.GetFrom("198.51.100.1, 198.51.100.3", "info=a"), 200, NotExist) // what stands before is hearsay
		if k := d.Info("K"); k.Status != "active" {
			s.Errorf("a refused call changed %s", k.Body)
		}
	})
}

// TestUnknownKeysAreCountedBySubnet holds that an IPv6 subscriber's /64 is one address.
func TestUnknownKeysAreCountedBySubnet(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		d := s.Serve("--unknown-key-limit", "2", "--trusted-proxies", "127.0.0.0/8")
		d.Expect(d.GetFrom("2001:db8::1", "info=a"), 200, NotExist)
		d.Expect(d.GetFrom("2001:db8::ffff:0:0:1", "info=a"), 200, NotExist)
		d.ExpectLimited(d.GetFrom("2001:db8::2", "info=a"), 60)
		d.Expect(d.GetFrom("2001:db8:0:1::2", "info=a"), 200, NotExist)
		d.Expect(d.GetFrom("::ffff:203.0.113.1", "info=a"), 200, NotExist)
		d.Expect(d.GetFrom("203.0.113.1", "info=a"), 200, NotExist)
		d.ExpectLimited(d.GetFrom("203.0.113.1", "info=a"), 60)
	})
}

// TestUntrustedForwardedForIsIgnored holds that without trusted proxies the peer is the client, and that 0 is off.
func TestUntrustedForwardedForIsIgnored(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		d := s.Serve("--unknown-key-limit", "2")
		d.Expect(d.GetFrom("198.51.100.1", "info=a"), 200, NotExist)
		d.Expect(d.GetFrom("198.51.100.2", "info=a"), 200, NotExist)
		d.ExpectLimited(d.GetFrom("198.51.100.3", "info=a"), 60)
		d.Stop()
		d = s.Serve("--unknown-key-limit=0")
		for range 50 {
			d.Expect(d.Get("info=a"), 200, NotExist)
		}
	})
}

func TestTasksPerKeyAreLimited(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.ImportKeys("code,used", "K,", "L,1", "M,")
		s.ImportPlans("p,US,5,,")
		d := s.Serve("--key-task-limit", "2")
		for range 5 { // want of stock does not count
			d.MustAccept(Upgrade("K", "l@example.com", "FR"))
			d.ExpectEnd("K", "failed_upgrade", Messages["out_of_stock"])
		}
		for range 2 {
			d.MustAccept(Upgrade("K", "wrong_address@example.com", "US"))
			d.ExpectEnd("K", "failed_upgrade", Messages["wrong_address"])
			d.MustAccept(Renew("L", "still_premium@example.com"))
			d.ExpectEnd("L", "failed", Messages["still_premium"])
		}
		d.ExpectLimited(d.Get(Upgrade("K", "l@example.com", "US")), 1800)
		d.ExpectLimited(d.Post(Renew("L", "l@example.com")), 1800)
		d.ExpectEnd("K", "failed_upgrade", Messages["wrong_address"])
		// It comes after every rule.
		d.Expect(d.Get(Query("upgrade", "K")), 200, ErrorBody(PasswordMissing))
		d.Expect(d.Get(Query("upgrade", "K", "pwd", "x", "login", "l", "country", "xx")), 200, ErrorBody(CountryInvalid))
		d.Expect(d.Get(Renew("K", "l")), 200, ErrorBody(KeyUnused))
		d.Expect(d.Get(Upgrade("L", "l", "US")), 200, ErrorBody(KeyUsed))
		d.MustAccept(Upgrade("M", "success@example.com", "US"))
		s.MustExec("keys", "reset", "K") // gives the whole allowance back
		d.MustAccept(Upgrade("K", "success@example.com", "US"))
	})
}
