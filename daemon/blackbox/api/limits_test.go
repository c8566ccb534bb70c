package api_test

import (
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A generated code that no test imports, and a code of the same format with a wrong check character.
const (
	validCode   = "00000-00000-00000-00000-00000"
	invalidCode = "00000-00000-00000-00000-00001"
)

func TestUnknownKeysAreLimited(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code,revoked", "K,", "gone,1")
		s.ImportPlans("p,US,5,,")
		d := s.Serve("--unknown-key-limit", "3", "--trusted-proxies", "127.0.0.1", "--trusted-callers", "192.0.2.0/28,2001:db8:1::/48")
		unknown := []string{"info=a", "info=" + invalidCode, harness.Upgrade("b", "l", "US"), harness.Renew("c", "l")}
		for range 5 { // none of these requests counts
			for _, query := range []string{"info=", "info=+", "info=K", "info=" + validCode, harness.Upgrade(validCode, "l", "US"), harness.Renew("K", "l"), "stock"} {
				d.GetFrom("198.51.100.1", query)
			}
			for _, query := range unknown {
				d.Expect(d.GetFrom("192.0.2.15", query), 200, harness.NotExist)
				d.Expect(d.GetFrom("2001:db8:1:ffff::1", query), 200, harness.NotExist)
			}
		}
		for _, query := range append(unknown[:2:2], "info=gone") { // a revoked key counts as an unknown key
			d.Expect(d.GetFrom("198.51.100.1", query), 200, harness.NotExist)
		}
		for _, query := range []string{"info=K", "info=gone", "info=a", "info=" + invalidCode, harness.Upgrade("K", "l", "US"), harness.Renew("K", "l"), harness.Upgrade("K", "", "")} {
			d.ExpectLimited(d.GetFrom("198.51.100.1", query), 60)
		}
		d.Expect(d.GetFrom("198.51.100.1", "info="), 200, harness.NotExist)
		d.Expect(d.GetFrom("198.51.100.1", "info="+validCode), 200, harness.NotExist)
		d.Expect(d.GetFrom("198.51.100.1", harness.Upgrade(validCode, "l", "US")), 200, harness.NotExist)
		d.Expect(d.GetFrom("198.51.100.1", "stock"), 200, `[{"country":"United States","country_code":"US","slots":5}]`)
		d.Expect(d.GetFrom("198.51.100.2", "info=a"), 200, harness.NotExist)
		d.Expect(d.GetFrom("198.51.100.1, 198.51.100.3", "info=a"), 200, harness.NotExist) // only the last address comes from the trusted proxy
		if k := d.Info("K"); k.Status != "active" {
			s.Errorf("a refused call changed %s", k.Body)
		}
	})
}

// TestUnknownKeysAreCountedBySubnet checks that requests from all addresses of an IPv6 /64 network count together.
func TestUnknownKeysAreCountedBySubnet(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		d := s.Serve("--unknown-key-limit", "2", "--trusted-proxies", "127.0.0.0/8")
		d.Expect(d.GetFrom("2001:db8::1", "info=a"), 200, harness.NotExist)
		d.Expect(d.GetFrom("2001:db8::ffff:0:0:1", "info=a"), 200, harness.NotExist)
		d.ExpectLimited(d.GetFrom("2001:db8::2", "info=a"), 60)
		d.Expect(d.GetFrom("2001:db8:0:1::2", "info=a"), 200, harness.NotExist)
		d.Expect(d.GetFrom("::ffff:203.0.113.1", "info=a"), 200, harness.NotExist)
		d.Expect(d.GetFrom("203.0.113.1", "info=a"), 200, harness.NotExist)
		d.ExpectLimited(d.GetFrom("203.0.113.1", "info=a"), 60)
	})
}

// TestUntrustedForwardedForIsIgnored checks that without trusted proxies the address of the connection counts, and not
// X-Forwarded-For. A limit of 0 switches the limit off.
func TestUntrustedForwardedForIsIgnored(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		d := s.Serve("--unknown-key-limit", "2")
		d.Expect(d.GetFrom("198.51.100.1", "info=a"), 200, harness.NotExist)
		d.Expect(d.GetFrom("198.51.100.2", "info=a"), 200, harness.NotExist)
		d.ExpectLimited(d.GetFrom("198.51.100.3", "info=a"), 60)
		d.Stop()
		d = s.Serve("--unknown-key-limit=0")
		for range 50 {
			d.Expect(d.Get("info=a"), 200, harness.NotExist)
		}
	})
}

func TestTasksPerKeyAreLimited(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code,used", "K,", "L,1", "M,")
		s.ImportPlans("p,US,5,,")
		d := s.Serve("--key-task-limit", "2")
		for range 5 { // a task that ends without a slot does not count
			d.MustAccept(harness.Upgrade("K", "l@example.com", "FR"))
			d.ExpectEnd("K", "failed_upgrade", harness.Messages["out_of_stock"])
		}
		for range 2 {
			d.MustAccept(harness.Upgrade("K", "wrong_address@example.com", "US"))
			d.ExpectEnd("K", "failed_upgrade", harness.Messages["wrong_address"])
			d.MustAccept(harness.Renew("L", "still_premium@example.com"))
			d.ExpectEnd("L", "failed", harness.Messages["still_premium"])
		}
		d.ExpectLimited(d.Get(harness.Upgrade("K", "l@example.com", "US")), 1800)
		d.ExpectLimited(d.Post(harness.Renew("L", "l@example.com")), 1800)
		d.ExpectEnd("K", "failed_upgrade", harness.Messages["wrong_address"])
		// The limit comes after every other rule.
		d.Expect(d.Get(harness.Query("upgrade", "K")), 200, harness.ErrorBody(harness.PasswordMissing))
		d.Expect(d.Get(harness.Query("upgrade", "K", "pwd", "x", "login", "l", "country", "xx")), 200, harness.ErrorBody(harness.CountryInvalid))
		d.Expect(d.Get(harness.Renew("K", "l")), 200, harness.ErrorBody(harness.KeyUnused))
		d.Expect(d.Get(harness.Upgrade("L", "l", "US")), 200, harness.ErrorBody(harness.KeyUsed))
		d.MustAccept(harness.Upgrade("M", "success@example.com", "US"))
		s.MustExec("keys", "reset", "K") // the limit then no longer counts the earlier tasks
		d.MustAccept(harness.Upgrade("K", "success@example.com", "US"))
	})
}

// TestTasksPerKeyAreLimitedAcrossDaemons checks that the limit of tasks per key counts the tasks of all daemons.
func TestTasksPerKeyAreLimitedAcrossDaemons(t *testing.T) {
	t.Parallel()
	s := harness.NewPostgresShop(t, pgtest.URL(t))
	s.AddKeys("K")
	s.ImportPlans("p,US,5,,")
	all := s.ServeAll(3, "--key-task-limit", "2")
	for _, d := range all[:2] {
		d.MustAccept(harness.Upgrade("K", "wrong_address@example.com", "US"))
		d.ExpectEnd("K", "failed_upgrade", harness.Messages["wrong_address"])
	}
	for _, d := range []*harness.Daemon{all[2], all[0], all[1]} {
		d.ExpectLimited(d.Post(harness.Upgrade("K", "success@example.com", "US")), 1800)
	}
}
