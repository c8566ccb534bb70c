package blackbox_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A market is a shop that clients reach through bad networks, for one chronicle after the other.
type market struct {
	*shop
	flags   []string
	stalls  []*stall
	cluster *pgtest.Cluster // nil on SQLite
	network *proxy          // before the cluster
	rounds  int
}

// A stall is a place where a daemon serves, one after the other.
type stall struct {
	daemon  *daemon
	address atomic.Pointer[string] // through the network
	network *proxy
}

// clientsOf is what all requests go through. It gives up late, since a daemon may sleep.
var clientsOf = newClient()

func newMarket(s *shop, stalls int, flags ...string) *market {
	m := &market{shop: s, flags: append(flags, "--lease=500ms", "--key-task-limit=0", "--task-attempts=1000", "--connector-timeout=2s")}
	for range stalls {
		m.stalls = append(m.stalls, new(stall))
		m.reopen(len(m.stalls) - 1)
	}
	return m
}

// reopen serves at a stall where no daemon is.
func (m *market) reopen(i int) {
	m.Helper()
	here := m.stalls[i]
	here.daemon = m.serve(m.flags...)
	network, address := newProxy(m.T, here.daemon.url)
	here.network = network
	here.address.Store(&address)
}

// A round is the time of one chronicle.
type round struct {
	*market
	*chronicle
	name     string
	done     chan struct{}
	doubtful []bid // not answered, and not accepted when they were looked at
}

const (
	shared  = 3 // keys that several clients use
	users   = 3 // of them
	buyers  = 4 // each of whom wants slots for keys of its own
	tickets = 8
	sizer   = users + buyers // the client that changes the sizes of plans
)

// lands are where the plans are.
var lands = []string{"US", "DE"}

func (r *round) key(i int) string        { return fmt.Sprintf("%s-key-%d", r.name, i) }
func (r *round) plan(land string) string { return "plan " + r.name + "-" + land }
func (r *round) ticket(plan string, n int) string {
	return fmt.Sprintf("%s-%d", strings.TrimPrefix(plan, "plan "), n)
}

// play lets eight clients do what they do, with a fault in their midst, and records it.
func (m *market) play(fault fault) *chronicle {
	m.Helper()
	m.rounds++
	r := &round{market: m, chronicle: newChronicle(fault.name), name: fmt.Sprint("h", m.rounds), done: make(chan struct{})}
	r.stockUp()
	var busy, buying sync.WaitGroup
	for client := range users {
		busy.Go(func() { r.use(client) })
	}
	for client := range buyers {
		buying.Go(func() { r.shopping(users+client, client) })
	}
	busy.Go(r.resizing)
	m.until("clients are at it", func() bool { return r.answered() > 30 })
	fault.strike(m)
	buying.Wait()
	close(r.done)
	busy.Wait()
	r.closing()
	return r.chronicle
}

// stockUp brings in fresh keys and plans.
func (r *round) stockUp() {
	r.Helper()
	var codes []string
	for i := range shared {
		codes = append(codes, r.key(i))
	}
	for _, land := range lands {
		for n := range tickets {
			codes = append(codes, r.ticket(r.plan(land), n))
		}
	}
	r.fresh(codes...)
	r.importPlans(r.name + "-FR,FR,1000,,") // for the shared keys
	for _, land := range lands {
		r.resize(r.plan(land), 3)
	}
}

// closing waits until all tasks have ended, notes it, and takes the plans out of stock.
func (r *round) closing() {
	r.Helper()
	for _, b := range r.doubtful {
		r.follow(b.Client, b)
	}
	for i := range shared {
		r.until("the task ends", func() bool { return !strings.HasPrefix(r.info(0, r.key(i)), "in_queue") })
	}
	for _, land := range append(lands, "FR") {
		r.must("plans", "retire", r.name+"-"+land)
	}
}

func (r *round) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// ask makes a call and records how it was answered, as read says. A question without an answer has
// changed nothing, and is left out.
func (r *round) ask(d deed, form string, read func(body string) string) deed {
	method, address, header := http.MethodGet, *r.stalls[rand.IntN(len(r.stalls))].address.Load()+"/API/", http.Header(nil)
	if d.Do == "upgrade" || d.Do == "renew" || d.Do == "take" {
		method, header = http.MethodPost, asForm
	} else {
		address, form = address+"?"+form, ""
	}
	through := &daemon{shop: r.shop, client: clientsOf}
	d.Call = r.now()
	a, err := through.try(method, address, form, header)
	d.Return = r.now()
	switch {
	case err == nil && a.code == http.StatusOK:
		d.Got = read(a.body)
	case err == nil && (a.code != http.StatusServiceUnavailable || a.body != away):
		r.Errorf("%s: %d %s", d.Do, a.code, a.body)
	default:
		d.Return = 0
		time.Sleep(5 * time.Millisecond) // it is down: as a client would
	}
	if d.Got != "" || method == http.MethodPost {
		r.write(d)
	}
	return d
}

// A fault is what goes wrong in a round.
type fault struct {
	name   string
	strike func(m *market)
}

// faults are those of either database, and those of Postgres.
func (m *market) faults() []fault {
	all := []fault{{"a daemon is killed", (*market).killDaemon}}
	if m.cluster != nil {
		all = append(all, fault{"the database is killed", (*market).killDatabase}, fault{"commits are lost", (*market).deafen})
	}
	all = append(all, fault{"a daemon sleeps past its leases", (*market).freeze}, fault{"clients are cut off", (*market).cutClients})
	if m.cluster != nil {
		all = append(all, fault{"the database is cut off", (*market).cutDatabase})
	}
	return all
}

func (m *market) any() (int, *stall) {
	i := rand.IntN(len(m.stalls))
	return i, m.stalls[i]
}

func (m *market) killDaemon() {
	i, unlucky := m.any()
	unlucky.daemon.kill()
	m.reopen(i)
}

func (m *market) freeze() {
	_, unlucky := m.any()
	unlucky.daemon.signal(syscall.SIGSTOP)
	time.Sleep(700 * time.Millisecond) // longer than a lease
	unlucky.daemon.signal(syscall.SIGCONT)
}

const snips = 10

func (m *market) cutClients() {
	for range snips {
		_, unlucky := m.any()
		unlucky.network.cut()
		time.Sleep(time.Duration(5+rand.IntN(30)) * time.Millisecond) // it is cut in the midst of anything
	}
}

func (m *market) cutDatabase() {
	for range snips {
		m.network.cut()
		time.Sleep(time.Duration(5+rand.IntN(30)) * time.Millisecond) // it is cut in the midst of anything
	}
}

func (m *market) killDatabase() {
	m.cluster.Kill(m)
	m.cluster.Restart(m)
}

func (m *market) deafen() {
	_, before := m.network.harm()
	m.network.loseCommits(true)
	m.until("commits are lost", func() bool {
		_, now := m.network.harm()
		return now >= before+5
	})
	m.network.loseCommits(false)
}
