package blackbox_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/keyseat/keyseat/stock"
)

// visitors are clients who ask for what they may, one request after the other, some on a connection
// that they keep and some on a new one each time.
type visitors struct{ *Shop }

const visitorCount = 8

func newVisitors(s *Shop) *visitors {
	var codes []string
	for i := range visitorCount {
		codes = append(codes, fmt.Sprint("honest-", i))
	}
	s.AddKeys(codes...)
	var plans []string
	for _, country := range stock.Countries() {
		if country != outOfStock {
			plans = append(plans, fmt.Sprintf("p-%s,%s,5,,", country, country))
		}
	}
	s.ImportPlans(plans...)
	return &visitors{s}
}

// outOfStock is the only country without a slot: what is asked for there ends at once.
const outOfStock = "FR"

// visitResult is how honest clients fared.
type visitResult struct {
	requests, unserved, retries int // requests, those that nobody answered, and those sent again because a connection went
	p99, slowest                time.Duration
}

func (s visitResult) String() string {
	return fmt.Sprintf("honest: %d asked, %d again, p99 %s, slowest %s", s.requests, s.retries, s.p99.Round(time.Millisecond), s.slowest.Round(time.Millisecond))
}

// faults says what clients would complain of.
func (s visitResult) faults(timely bool) (all []string) {
	if s.unserved > 0 {
		all = append(all, fmt.Sprintf("%d of %d honest requests were not served", s.unserved, s.requests))
	}
	if s.requests < 2*visitorCount {
		all = append(all, fmt.Sprintf("only %d honest requests: nothing is proven", s.requests))
	}
	if timely && s.p99 > maxVisitP99 {
		all = append(all, fmt.Sprintf("the 99th of 100 honest requests took %s", s.p99))
	}
	return all
}

func (s visitResult) worst(than visitResult) visitResult {
	return visitResult{
		s.requests + than.requests, s.unserved + than.unserved, s.retries + than.retries,
		max(s.p99, than.p99), max(s.slowest, than.slowest),
	}
}

// summarize has the times of the requests that were answered.
func summarize(took []time.Duration, unserved, again int) visitResult {
	s := visitResult{requests: len(took) + unserved, unserved: unserved, retries: again}
	if len(took) > 0 {
		slices.Sort(took)
		s.p99, s.slowest = took[(len(took)*99-1)/100], took[len(took)-1]
	}
	return s
}

// visit lets the clients ask for so long.
func (h *visitors) visit(d *Daemon, long time.Duration) visitResult {
	h.Helper()
	var (
		mu              sync.Mutex
		took            []time.Duration
		unserved, again int
		group           sync.WaitGroup
		end             = time.Now().Add(long)
	)
	for i := range visitorCount {
		group.Go(func() {
			own := *d
			own.Client = NewClient()
			defer own.Client.CloseIdleConnections()
			own.Client.Transport.(*http.Transport).DisableKeepAlives = i%2 == 0 //nolint:forcetypeassert // NewClient's is one
			for n := 0; n < 3 || time.Now().Before(end); n++ {
				start := time.Now()
				fine, tries := own.visitOnce(i, n)
				mu.Lock()
				again += tries - 1
				if took = append(took, time.Since(start)); !fine {
					took = took[:len(took)-1]
					unserved++
				}
				mu.Unlock()
				sleep(h.Context(), 30*time.Millisecond)
			}
		})
	}
	group.Wait()
	return summarize(took, unserved, again)
}

// visitOnce makes the n-th request of a client, as often as the connection goes before an answer.
func (d *Daemon) visitOnce(client, n int) (fine bool, tries int) {
	for tries = 1; tries <= 3; tries++ {
		a, err := d.sendVisit(fmt.Sprint("honest-", client), n)
		if err == nil {
			return a.Code == http.StatusOK && a.Check(http.MethodGet) == nil && !strings.Contains(a.Body, "error"), tries
		}
	}
	return false, tries
}

// sendVisit asks for one thing after the other: a key, the stock, an upgrade that finds none.
func (d *Daemon) sendVisit(code string, n int) (Response, error) {
	switch n % 3 {
	case 0:
		return d.Send(http.MethodGet, d.URL+"/API/?info="+code, "", nil)
	case 1:
		return d.Send(http.MethodGet, d.URL+"/API/?stock", "", nil)
	}
	return d.Send(http.MethodPost, d.URL+"/API/", Upgrade(code, "honest@example.com", outOfStock), FormHeader)
}

// peakMemory is the most that the daemon has had so far, in MiB, 0 where that is not known.
func (d *Daemon) peakMemory() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.Cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if text, is := strings.CutPrefix(line, "VmHWM:"); is {
			kib, _ := strconv.Atoi(strings.Fields(text)[0])
			return kib >> 10
		}
	}
	return 0
}
