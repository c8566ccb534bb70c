package attacks_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
	"github.com/keyseat/keyseat/stock"
)

// visitors are honest clients. Each sends one request after another. Half of them use a new connection for each
// request.
type visitors struct{ *harness.Shop }

const visitorCount = 8

func newVisitors(s *harness.Shop) *visitors {
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

// outOfStock is the only country without a slot, so an upgrade there ends immediately.
const outOfStock = "FR"

// A visitResult has the numbers and the durations of the visitors' requests.
type visitResult struct {
	requests, unserved, retries int // requests, those without an answer, and those repeated because the connection was closed
	p99, slowest                time.Duration
}

func (s visitResult) String() string {
	return fmt.Sprintf("visitors: %d requests, %d repeated, p99 %s, slowest %s", s.requests, s.retries, s.p99.Round(time.Millisecond), s.slowest.Round(time.Millisecond))
}

// faults returns what was wrong with the answers to the visitors. With timely, it also checks their durations.
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

// summarize returns the result for the durations of the answered requests, the number of requests without an answer,
// and the number of repeated ones.
func summarize(took []time.Duration, unserved, again int) visitResult {
	s := visitResult{requests: len(took) + unserved, unserved: unserved, retries: again}
	if len(took) > 0 {
		slices.Sort(took)
		s.p99, s.slowest = took[(len(took)*99-1)/100], took[len(took)-1]
	}
	return s
}

// visit runs the visitors for a duration.
func (h *visitors) visit(d *harness.Daemon, long time.Duration) visitResult {
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
			own.Client = harness.NewClient()
			defer own.Client.CloseIdleConnections()
			own.Client.Transport.(*http.Transport).DisableKeepAlives = i%2 == 0 //nolint:forcetypeassert // NewClient returns such a transport
			for n := 0; n < 3 || time.Now().Before(end); n++ {
				start := time.Now()
				fine, tries := visitOnce(&own, i, n)
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

// visitOnce sends the n-th request of a visitor. If the connection closes before the answer, it repeats the request.
func visitOnce(d *harness.Daemon, client, n int) (fine bool, tries int) {
	for tries = 1; tries <= 3; tries++ {
		a, err := sendVisit(d, fmt.Sprint("honest-", client), n)
		if err == nil {
			return a.Code == http.StatusOK && a.Check(http.MethodGet) == nil && !strings.Contains(a.Body, "error"), tries
		}
	}
	return false, tries
}

// sendVisit sends different requests in turn: for a key, for the stock, and an upgrade that finds no slot.
func sendVisit(d *harness.Daemon, code string, n int) (harness.Response, error) {
	switch n % 3 {
	case 0:
		return d.Send(http.MethodGet, d.URL+"/API/?info="+code, "", nil)
	case 1:
		return d.Send(http.MethodGet, d.URL+"/API/?stock", "", nil)
	}
	return d.Send(http.MethodPost, d.URL+"/API/", harness.Upgrade(code, "honest@example.com", outOfStock), harness.FormHeader)
}

// peakMemory returns the peak memory of the daemon so far in MiB, or 0 if it is unknown.
func peakMemory(d *harness.Daemon) int {
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
