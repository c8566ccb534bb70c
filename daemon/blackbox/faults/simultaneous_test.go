package faults_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// sendSimultaneously sends n requests at the same time, to the daemons in turn, and counts the answers.
func sendSimultaneously(all []*harness.Daemon, n int, form func(i int) string) map[string]int {
	bodies := make([]string, n)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			d := all[i%len(all)]
			a, err := d.Send("POST", d.URL+"/API/", form(i), harness.FormHeader)
			bodies[i] = a.Body
			if err != nil {
				bodies[i] = err.Error()
			}
		})
	}
	close(start)
	group.Wait()
	count := map[string]int{}
	for _, body := range bodies {
		count[body]++
	}
	return count
}

// TestSimultaneousRequests checks that of many simultaneous requests for one key exactly one is accepted.
func TestSimultaneousRequests(t *testing.T) {
	const requests = 64
	rounds := harness.Scaled(10, 100) // of two keys each
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		rows := []string{"code,used"}
		for i := range rounds {
			rows = append(rows, fmt.Sprintf("U%d,0", i), fmt.Sprintf("R%d,1", i))
		}
		s.ImportKeys(rows...)
		s.ImportPlans("p,US,1000,,")
		all := s.ServeAll(3)
		for round := range rounds {
			for _, kind := range []struct{ code, sent, open string }{
				{fmt.Sprint("U", round), harness.UpgradeSent, harness.ErrorBody(harness.UpgradeOpen)},
				{fmt.Sprint("R", round), harness.RenewSent, harness.ErrorBody(harness.RenewOpen)},
			} {
				login := strings.Replace(harness.PendingLogin, "@", "@"+kind.code+".", 1) // each key has an account of its own
				got := sendSimultaneously(all, requests, func(int) string {
					if kind.code[0] == 'R' {
						return harness.Renew(kind.code, login)
					}
					return harness.Upgrade(kind.code, login, "US")
				})
				if got[kind.sent] != 1 || got[kind.open] != requests-1 {
					s.Errorf("%s: %v", kind.code, got)
				}
			}
		}
		if p := s.Plans()["p"]; p.Held != rounds || len(s.Tasks()) != 2*rounds {
			s.Errorf("%d tasks hold %+v", len(s.Tasks()), p)
		}
		harness.Report(s, 2*rounds, 2*rounds*(requests-1), "daemons", len(all), "requests", 2*rounds*requests)
	})
}

// TestScarceSlots checks that with fewer slots than keys, exactly one upgrade succeeds for each slot.
func TestScarceSlots(t *testing.T) {
	const keys, slots = 200, 37
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		rows := make([]string, keys)
		for i := range rows {
			rows[i] = fmt.Sprint("K", i)
		}
		s.AddKeys(rows...)
		s.ImportPlans("a,US,10,,", "b,US,1,,", "c,US,20,,", "d,US,6,,", "e,FR,100,,")
		all := s.ServeAll(4)
		got := sendSimultaneously(all, keys, func(i int) string { return harness.Upgrade(rows[i], fmt.Sprintf("success@%d.example.com", i), "US") })
		if got[harness.UpgradeSent] != keys {
			s.Errorf("answers: %v", got)
		}
		won := 0
		for i, code := range rows {
			switch k := all[i%len(all)].WaitEnd(code); {
			case k.Status == "success":
				won++
			case k.Message != harness.Messages["out_of_stock"]:
				s.Errorf("%s ended as %s", code, k.Body)
			}
		}
		if won != slots {
			s.Errorf("%d keys won %d slots", won, slots)
		}
		s.CheckProvider()
		if p := s.Plans()["e"]; p.Free != 100 {
			s.Errorf("another country's plan: %+v", p)
		}
	})
}
