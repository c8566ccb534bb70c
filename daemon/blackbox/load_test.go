package blackbox_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A load is clients that upgrade and renew keys of their own until they are told to stop, whatever
// becomes of the daemon, and what they remember of it.
type load struct {
	*shop
	daemon  atomic.Pointer[daemon]
	done    chan struct{}
	clients sync.WaitGroup

	mu      sync.Mutex
	entries []entry
}

// An entry is a request and how it was answered: with success, with something else, or not at all.
type entry struct {
	code, login string
	acked       bool
	unknown     bool
}

const (
	clients = 8
	ownKeys = 30 // of each client
)

// scripts are what the provider does; most of them take a moment, in which a daemon can die.
var scripts = []string{
	"success", "slow=20+success", "slow=60+success", "slow=100+success", "500+success", "cut_after+success",
	"202+success", "wrong_address", "slow=40+still_premium", "404+success",
}

// newLoad stocks the shop for clients.
func newLoad(s *shop) *load {
	var codes, plans []string
	for c := range clients {
		for k := range ownKeys {
			codes = append(codes, fmt.Sprintf("c%d-%d", c, k))
		}
	}
	for p := range 30 {
		plans = append(plans, fmt.Sprintf("plan-%d,US,100,,", p))
	}
	s.fresh(codes...)
	s.importPlans(plans...)
	return &load{shop: s, done: make(chan struct{})}
}

// begin lets the clients loose on a daemon, which another may follow.
func (l *load) begin(d *daemon) {
	l.daemon.Store(d)
	for c := range clients {
		l.clients.Go(func() {
			for n := 0; !l.over(); n++ {
				l.step(fmt.Sprintf("c%d-%d", c, rand.IntN(ownKeys)), fmt.Sprintf("%d-%d.example.com", c, n))
			}
		})
	}
}

func (l *load) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// end stops the clients and waits for them.
func (l *load) end() {
	close(l.done)
	l.clients.Wait()
}

// step does with a key what can be done with it, if it is not in the queue.
func (l *load) step(code, domain string) {
	d := l.daemon.Load()
	a, err := d.try("GET", d.url+"/API/?"+q("info", code), "", nil)
	switch {
	case err != nil || a.code != http.StatusOK:
		time.Sleep(5 * time.Millisecond) // it is down: as a client would
		return
	case strings.Contains(a.body, "not_exist"):
		l.Errorf("%s is gone", code)
		return
	case strings.Contains(a.body, "in_queue"):
		return
	}
	script := scripts[rand.IntN(len(scripts))]
	if rand.IntN(60) == 0 {
		script = "plan_full.success"
	}
	login := script + "@" + domain
	form, sent := upgrade(code, login, "US"), upgradeSent
	if strings.Contains(a.body, `"used":1`) {
		form, sent = renew(code, login), renewSent
	}
	a, err = d.try("POST", d.url+"/API/", form, asForm)
	l.note(entry{code, login, err == nil && a.body == sent, err != nil || a.code != http.StatusOK})
}

func (l *load) note(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

// goesOn waits until so many more requests have been accepted.
func (l *load) goesOn(n int) {
	l.Helper()
	goal := l.acked() + n
	l.until("requests are accepted", func() bool { return l.acked() >= goal })
}

func (l *load) acked() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		if e.acked {
			n++
		}
	}
	return n
}

// settled waits until every task has ended, and holds the database and the provider's ledger to what
// the clients remember.
func (l *load) settled() {
	l.Helper()
	l.until("every task ends", func() bool { return len(l.tasks("--state", "open")) == 0 })
	l.agrees()
	perKey := map[string]int{}
	for _, t := range l.tasks() {
		perKey[t.Code]++
	}
	least, most := map[string]int{}, map[string]int{}
	for _, e := range l.entries {
		if e.acked {
			least[e.code]++
		}
		if e.acked || e.unknown {
			most[e.code]++
		}
	}
	for code, n := range perKey {
		if n < least[code] || n > most[code] {
			l.Errorf("%s has %d tasks, after %d answers of success and %d requests without an answer", code, n, least[code], most[code]-least[code])
		}
	}
	l.delivered()
}

// delivered holds that the provider was asked for each accepted request as one task, and for each one
// without an answer as one at most.
func (l *load) delivered() {
	l.Helper()
	seen := map[string]map[string]bool{} // tasks by login
	for _, r := range l.provider.Requests() {
		login := r.Order.Account.Login.Reveal()
		if seen[login] == nil {
			seen[login] = map[string]bool{}
		}
		seen[login][r.Order.Task] = true
	}
	acked, unknown := 0, 0
	for _, e := range l.entries {
		n := len(seen[e.login])
		switch {
		case e.acked:
			acked++
		case e.unknown:
			unknown++
		}
		if (e.acked && n != 1) || (e.unknown && n > 1) || (!e.acked && !e.unknown && n > 0) {
			l.Errorf("%+v became %d tasks", e, n)
		}
	}
	l.Logf("%d requests were accepted, %d had no answer; the provider was asked %d times", acked, unknown, len(l.provider.Requests()))
	if acked < 50 {
		l.Errorf("only %d requests were accepted: nothing is proven", acked)
	}
}
