package blackbox_test

import (
	"fmt"
	"syscall"
	"testing"

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
