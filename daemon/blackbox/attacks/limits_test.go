package attacks_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestGuessesFromOneNetworkAreLimited guesses from many /64 networks of one larger IPv6 network, through a trusted
// proxy. A blocked address stays blocked meanwhile, and another network is not affected.
func TestGuessesFromOneNetworkAreLimited(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		all := s.ServeAll(2, "--unknown-key-limit", fmt.Sprint(guessLimit), "--trusted-proxies", "127.0.0.0/8", "--log-level", "info")
		sent := 0
		guess := func(address string) bool {
			sent++
			return all[sent%len(all)].GetFrom(address, fmt.Sprint("info=guess-", sent)).Code == http.StatusOK
		}
		count := func(guesses int, address func(i int) string) (answered int) {
			for i := range guesses {
				if guess(address(i)) {
					answered++
				}
			}
			return answered
		}
		for _, network := range []struct {
			name          string
			guesses, want int
			address       func(i int) string
		}{
			{"/64", 40, guessLimit, func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }},
			{"/56", 300, 3 * guessLimit, func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", 1+i%255) }},
			{"/48", 600, 12 * guessLimit, func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", 256*(1+i%200)+i/200) }}, // of 200 /56s
		} {
			// A guess that only the other daemon's count refuses has counted for the larger networks.
			if n := count(network.guesses, network.address); n > network.want || n < network.want-len(all) {
				s.Errorf("%d of %d guesses from one %s are answered, not %d", n, network.guesses, network.name, network.want)
			}
		}
		if guess("2001:db8::1") {
			s.Error("a blocked address was forgotten")
		}
		if !guess("2001:db8:1::1") {
			s.Error("another network is blocked")
		}
	})
}

// TestCredentialsCannotBeTestedInBulk tests accounts with unused keys, as a thief of credentials does. After three
// wrong logins, a key must wait, and twice as long after each further wrong login. All keys together test an account at
// most ten times, and a key tests at most ten accounts a day.
func TestCredentialsCannotBeTestedInBulk(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		keys := []string{"A", "B", "C", "D", "E"}
		for i := range 12 {
			keys = append(keys, fmt.Sprint("K", i))
		}
		s.AddKeys(keys...)
		s.ImportPlans("p,US,50,,")
		d := s.Serve()
		tested := 0
		for _, key := range []string{"A", "B", "C"} {
			for i := range 20 {
				login := fmt.Sprintf("%s@%s%d.example", []string{"invalid_credentials", "account_locked"}[i%2], key, i)
				a := d.Post(harness.Upgrade(key, login, "US"))
				if a.Code == http.StatusTooManyRequests {
					d.ExpectLimited(a, 361) // six minutes, by two clocks that differ by milliseconds
					continue
				}
				tested++
				d.ExpectEnd(key, "failed_upgrade", harness.Messages[[]string{"invalid_credentials", "account_locked"}[i%2]])
			}
		}
		if tested != 9 {
			s.Errorf("%d accounts were tested with 3 keys, not 9", tested)
		}
		d.MustAccept(harness.Upgrade("D", "invalid_credentials@example.com", "US"))
		d.ExpectEnd("D", "failed_upgrade", harness.Messages["invalid_credentials"])
		d.MustAccept(harness.Upgrade("D", "success@example.com", "US"))
		s.MustExec("keys", "reset", "A") // ends the wait
		d.MustAccept(harness.Upgrade("A", "success@example.com", "US"))

		for i, key := range keys[5:] { // each with another password
			d.MustAccept(harness.Upgrade(key, []string{"invalid_credentials@victim.example", "invalid_credentials@Victim.Example"}[i%2], "US"))
			d.ExpectEnd(key, "failed_upgrade", harness.Messages[limited(i, "invalid_credentials")])
		}
		for i := range 11 { // the outcome reveals that the password is right
			d.MustAccept(harness.Upgrade("E", fmt.Sprintf("already_premium@e%d.example", i), "US"))
			d.ExpectEnd("E", "failed_upgrade", harness.Messages[limited(i, "already_premium")])
		}
		if n := d.Scrape().Sum("keyseat_logins_limited_total"); n != 3 {
			s.Errorf("%v tasks were limited, not 3", n)
		}
	})
}

// limited returns the outcome of test number i, counted from 0. It is the given outcome if the provider is called for
// this test, and otherwise account_locked.
func limited(i int, outcome string) string {
	if i < 10 {
		return outcome
	}
	return "account_locked"
}
