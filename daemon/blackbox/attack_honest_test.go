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

// honest are clients who ask for what they may, one request after the other, some on a connection
// that they keep and some on a new one each time.
type honest struct{ *shop }

const honestClients = 8

func stockHonest(s *shop) *honest {
	var codes []string
	for i := range honestClients {
		codes = append(codes, fmt.Sprint("honest-", i))
	}
	s.fresh(codes...)
	var plans []string
	for _, country := range stock.Countries() {
		if country != outOfStock {
			plans = append(plans, fmt.Sprintf("p-%s,%s,5,,", country, country))
		}
	}
	s.importPlans(plans...)
	return &honest{s}
}

// outOfStock is the only country without a slot: what is asked for there ends at once.
const outOfStock = "FR"

// served is how honest clients fared.
type served struct {
	asked, unserved, again int // requests, those that nobody answered, and those sent again because a connection went
	p99, slowest           time.Duration
}

func (s served) String() string {
	return fmt.Sprintf("honest: %d asked, %d again, p99 %s, slowest %s", s.asked, s.again, s.p99.Round(time.Millisecond), s.slowest.Round(time.Millisecond))
}

// faults says what clients would complain of.
func (s served) faults(timely bool) (all []string) {
	if s.unserved > 0 {
		all = append(all, fmt.Sprintf("%d of %d honest requests were not served", s.unserved, s.asked))
	}
	if s.asked < 2*honestClients {
		all = append(all, fmt.Sprintf("only %d honest requests: nothing is proven", s.asked))
	}
	if timely && s.p99 > mostWait {
		all = append(all, fmt.Sprintf("the 99th of 100 honest requests took %s", s.p99))
	}
	return all
}

func (s served) worse(than served) served {
	return served{
		s.asked + than.asked, s.unserved + than.unserved, s.again + than.again,
		max(s.p99, than.p99), max(s.slowest, than.slowest),
	}
}

// summed has the times of the requests that were answered.
func summed(took []time.Duration, unserved, again int) served {
	s := served{asked: len(took) + unserved, unserved: unserved, again: again}
	if len(took) > 0 {
		slices.Sort(took)
		s.p99, s.slowest = took[(len(took)*99-1)/100], took[len(took)-1]
	}
	return s
}

// visit lets the clients ask for so long.
func (h *honest) visit(d *daemon, long time.Duration) served {
	h.Helper()
	var (
		mu              sync.Mutex
		took            []time.Duration
		unserved, again int
		group           sync.WaitGroup
		end             = time.Now().Add(long)
	)
	for i := range honestClients {
		group.Go(func() {
			own := *d
			own.client = newClient()
			defer own.client.CloseIdleConnections()
			own.client.Transport.(*http.Transport).DisableKeepAlives = i%2 == 0 //nolint:forcetypeassert // newClient's is one
			for n := 0; n < 3 || time.Now().Before(end); n++ {
				start := time.Now()
				fine, tries := own.served(i, n)
				mu.Lock()
				again += tries - 1
				if took = append(took, time.Since(start)); !fine {
					took = took[:len(took)-1]
					unserved++
				}
				mu.Unlock()
				pause(h.Context(), 30*time.Millisecond)
			}
		})
	}
	group.Wait()
	return summed(took, unserved, again)
}

// served makes the n-th request of a client, as often as the connection goes before an answer.
func (d *daemon) served(client, n int) (fine bool, tries int) {
	for tries = 1; tries <= 3; tries++ {
		a, err := d.honestly(fmt.Sprint("honest-", client), n)
		if err == nil {
			return a.code == http.StatusOK && a.check(http.MethodGet) == nil && !strings.Contains(a.body, "error"), tries
		}
	}
	return false, tries
}

// honestly asks for one thing after the other: a key, the stock, an upgrade that finds none.
func (d *daemon) honestly(code string, n int) (answer, error) {
	switch n % 3 {
	case 0:
		return d.try(http.MethodGet, d.url+"/API/?info="+code, "", nil)
	case 1:
		return d.try(http.MethodGet, d.url+"/API/?stock", "", nil)
	}
	return d.try(http.MethodPost, d.url+"/API/", upgrade(code, "honest@example.com", outOfStock), asForm)
}

// memory is the most that the daemon has had so far, in MiB, 0 where that is not known.
func (d *daemon) memory() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
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
