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
	s := NewPostgresShop(t, pgtest.URL(t))
	const n = 20
	var codes []string
	for i := range n {
		codes = append(codes, fmt.Sprint("K", i))
	}
	s.AddKeys(codes...)
	s.ImportPlans("p,US,50,,")
	stalled := s.Serve("--lease", "500ms")
	for i, code := range codes {
		stalled.MustAccept(Upgrade(code, fmt.Sprintf("slow=700+success@%d.example.com", i), "US"))
	}
	s.Eventually("the provider is asked", func() bool { return len(s.Provider.Requests()) == n })
	stalled.Signal(syscall.SIGSTOP)
	other := s.Serve("--lease", "500ms")
	for _, code := range codes {
		other.ExpectEnd(code, "success", "")
	}
	stalled.Signal(syscall.SIGCONT)
	stalled.MustAccept(Renew("K0", "still_premium@example.com"))
	stalled.ExpectEnd("K0", "failed", Messages["still_premium"])
	stalled.Stop()
	for _, code := range codes[1:] {
		other.ExpectEnd(code, "success", "")
	}
	if asked := len(s.Provider.Requests()); asked != 2*n+1 {
		t.Errorf("asked %d times: the other daemon did not take over", asked)
	}
	if p := s.Plans()["p"]; p.Spent != n || p.Suspect != 0 {
		t.Errorf("%d tasks have spent %+v", n, p)
	}
	s.CheckProvider()
}

// TestStalledDaemons holds that daemons which sleep for one to three leases in the midst of anything,
// while others take over, lose nothing that was accepted and write nothing that is stale.
func TestStalledDaemons(t *testing.T) {
	t.Parallel()
	const (
		lease  = 400 * time.Millisecond
		asleep = 3 // at once, while a fourth is awake
	)
	stalls := Scaled(3, 300)
	s := NewPostgresShop(t, pgtest.URL(t))
	l := newLoadFor(s, 5*stalls)
	l.scripts = []string{"slow=300+success", "slow=500+success", "slow=900+success", "slow=50+500+success", "cut_after+slow=300+success", "slow=400+wrong_address"}
	all := s.ServeAll(asleep+1, "--lease", lease.String(), "--key-task-limit", "0", "--connector-timeout", "2s", "--task-attempts", "20")
	l.start(all...)
	for range (stalls + asleep - 1) / asleep {
		l.waitAccepted(5 * asleep)
		l.useDaemons(all[asleep]) // clients would wait for the others
		var group sync.WaitGroup
		for _, d := range all[:asleep] {
			group.Go(func() {
				d.Signal(syscall.SIGSTOP)
				time.Sleep(lease*11/10 + rand.N(lease*19/10)) // it is the stall
				d.Signal(syscall.SIGCONT)
			})
		}
		group.Wait()
		all = append(all[1:], all[0]) // they take turns to be awake
		l.useDaemons(all...)
	}
	l.stop()
	f := l.finish()
	for _, d := range all {
		d.Stop()
		l.expectNoSecrets(d)
	}
	if f.lostLeases < stalls {
		s.Errorf("%d stalls have cost %d leases: nothing is proven", stalls, f.lostLeases)
	}
	Report(s, f.accepted, stalls, f.figures()...)
}
