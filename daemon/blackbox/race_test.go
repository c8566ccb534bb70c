package blackbox_test

import (
	"fmt"
	"sync"
	"testing"
)

// daemons serves with so many on a shared database, and with one on a file.
func (s *shop) daemons(n int, flags ...string) []*daemon {
	s.Helper()
	if s.embedded() {
		n = 1
	}
	all := make([]*daemon, n)
	for i := range all {
		all[i] = s.serve(flags...)
	}
	return all
}

// atOnce makes n calls at the same time, on the daemons in turn, and counts the answers.
func atOnce(all []*daemon, n int, form func(i int) string) map[string]int {
	bodies := make([]string, n)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			d := all[i%len(all)]
			a, err := d.try("POST", d.url+"/API/", form(i), asForm)
			bodies[i] = a.body
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

// TestSimultaneousRequests holds that of any number for one key exactly one gets success.
func TestSimultaneousRequests(t *testing.T) {
	const requests, rounds = 64, 5
	eachDatabase(t, func(s *shop) {
		rows := []string{"code,used"}
		for i := range rounds {
			rows = append(rows, fmt.Sprintf("U%d,0", i), fmt.Sprintf("R%d,1", i))
		}
		s.importKeys(rows...)
		s.importPlans("p,US,1000,,")
		all := s.daemons(3)
		for round := range rounds {
			for _, kind := range []struct{ code, sent, open string }{
				{fmt.Sprint("U", round), upgradeSent, refused(upgradeOpen)},
				{fmt.Sprint("R", round), renewSent, refused(renewOpen)},
			} {
				got := atOnce(all, requests, func(int) string {
					if kind.code[0] == 'R' {
						return renew(kind.code, pending)
					}
					return upgrade(kind.code, pending, "US")
				})
				if got[kind.sent] != 1 || got[kind.open] != requests-1 {
					s.Errorf("%s: %v", kind.code, got)
				}
			}
		}
		if p := s.plans()["p"]; p.Held != rounds || len(s.tasks()) != 2*rounds {
			s.Errorf("%d tasks hold %+v", len(s.tasks()), p)
		}
	})
}

// TestScarceSlots holds that of more keys than slots as many win as there are slots.
func TestScarceSlots(t *testing.T) {
	const keys, slots = 200, 37
	eachDatabase(t, func(s *shop) {
		rows := make([]string, keys)
		for i := range rows {
			rows[i] = fmt.Sprint("K", i)
		}
		s.fresh(rows...)
		s.importPlans("a,US,10,,", "b,US,1,,", "c,US,20,,", "d,US,6,,", "e,FR,100,,")
		all := s.daemons(4)
		got := atOnce(all, keys, func(i int) string { return upgrade(rows[i], fmt.Sprintf("success@%d.example.com", i), "US") })
		if got[upgradeSent] != keys {
			s.Errorf("answers: %v", got)
		}
		won := 0
		for i, code := range rows {
			switch k := all[i%len(all)].ends(code); {
			case k.Status == "success":
				won++
			case k.Message != messages["out_of_stock"]:
				s.Errorf("%s ended as %s", code, k.body)
			}
		}
		if won != slots {
			s.Errorf("%d keys won %d slots", won, slots)
		}
		s.agrees()
		if p := s.plans()["e"]; p.Free != 100 {
			s.Errorf("another country's plan: %+v", p)
		}
	})
}

// agrees compares the plans' counts with what the provider has done for them: never more than the
// plan's slots, all that counts as spent, and nothing that is neither spent nor suspect.
func (s *shop) agrees() {
	s.Helper()
	done := map[string]int{}
	for _, e := range s.provider.Effects() {
		if e.Kind == "upgrade" && e.Outcome == "success" {
			done[e.Plan]++
		}
	}
	for id, p := range s.plans() {
		if done[id] > p.Slots || done[id] < p.Spent || done[id] > p.Spent+p.Suspect || p.Held != 0 {
			s.Errorf("the provider has filled %d slots of %+v", done[id], p)
		}
	}
}
