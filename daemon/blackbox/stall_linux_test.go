package blackbox_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestStalledDaemon holds that a daemon that sleeps past its leases, and wakes when another has done
// its work, writes nothing that is stale.
func TestStalledDaemon(t *testing.T) {
	t.Parallel()
	s := onPostgres(t, pgtest.URL(t))
	const n = 20
	var codes []string
	for i := range n {
		codes = append(codes, fmt.Sprint("K", i))
	}
	s.fresh(codes...)
	s.importPlans("p,US,50,,")
	stalled := s.serve("--lease", "500ms")
	for i, code := range codes {
		stalled.accepted(upgrade(code, fmt.Sprintf("slow=700+success@%d.example.com", i), "US"))
	}
	s.until("the provider is asked", func() bool { return len(s.provider.Requests()) == n })
	stalled.signal(syscall.SIGSTOP)
	other := s.serve("--lease", "500ms")
	for _, code := range codes {
		other.endsAs(code, "success", "")
	}
	stalled.signal(syscall.SIGCONT)
	stalled.accepted(renew("K0", "still_premium@example.com"))
	stalled.endsAs("K0", "failed", messages["still_premium"])
	stalled.stop()
	for _, code := range codes[1:] {
		other.endsAs(code, "success", "")
	}
	if asked := len(s.provider.Requests()); asked != 2*n+1 {
		t.Errorf("asked %d times: the other daemon did not take over", asked)
	}
	if p := s.plans()["p"]; p.Spent != n || p.Suspect != 0 {
		t.Errorf("%d tasks have spent %+v", n, p)
	}
	s.agrees()
}

// TestStalledDaemons holds that daemons which sleep for one to three leases in the midst of anything,
// while others take over, lose nothing that was accepted and write nothing that is stale.
func TestStalledDaemons(t *testing.T) {
	t.Parallel()
	const (
		lease  = 400 * time.Millisecond
		asleep = 3 // at once, while a fourth is awake
	)
	stalls := figure(3, 300)
	s := onPostgres(t, pgtest.URL(t))
	l := loadOf(s, 5*stalls)
	l.scripts = []string{"slow=300+success", "slow=500+success", "slow=900+success", "slow=50+500+success", "cut_after+slow=300+success", "slow=400+wrong_address"}
	all := s.daemons(asleep+1, "--lease", lease.String(), "--key-task-limit", "0", "--connector-timeout", "2s", "--task-attempts", "20")
	l.begin(all...)
	for range (stalls + asleep - 1) / asleep {
		l.goesOn(5 * asleep)
		l.use(all[asleep]) // clients would wait for the others
		var group sync.WaitGroup
		for _, d := range all[:asleep] {
			group.Go(func() {
				d.signal(syscall.SIGSTOP)
				time.Sleep(lease*11/10 + rand.N(lease*19/10)) // it is the stall
				d.signal(syscall.SIGCONT)
			})
		}
		group.Wait()
		all = append(all[1:], all[0]) // they take turns to be awake
		l.use(all...)
	}
	l.end()
	f := l.settled()
	for _, d := range all {
		d.stop()
		l.discreet(d)
	}
	if f.lostLeases < stalls {
		s.Errorf("%d stalls have cost %d leases: nothing is proven", stalls, f.lostLeases)
	}
	tried(s, f.acked, stalls, f.figures()...)
}
