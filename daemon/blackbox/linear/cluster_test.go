package linear_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A cluster is a shop whose clients use bad networks. It records one history after another.
type cluster struct {
	*harness.Shop
	flags     []string
	endpoints []*endpoint
	cluster   *pgtest.Cluster // the server of PostgreSQL; nil: SQLite
	proxy     *harness.Proxy  // the network between the daemons and PostgreSQL
	runs      int
}

// An endpoint is an address at which daemons serve, one after another.
type endpoint struct {
	daemon  *harness.Daemon
	address atomic.Pointer[string] // the address of the proxy in front of the daemon
	proxy   *harness.Proxy
}

// httpClient sends all requests. Its timeout is long, because a daemon may be stopped for a while.
var httpClient = harness.NewClient()

func newCluster(s *harness.Shop, endpoints int, flags ...string) *cluster {
	m := &cluster{Shop: s, flags: append(flags, "--lease=500ms", "--key-task-limit=0", "--task-attempts=1000", "--connector-timeout=2s")}
	for range endpoints {
		m.endpoints = append(m.endpoints, new(endpoint))
		m.serveAt(len(m.endpoints) - 1)
	}
	return m
}

// serveAt starts a daemon at an endpoint.
func (m *cluster) serveAt(i int) {
	m.Helper()
	here := m.endpoints[i]
	here.daemon = m.Serve(m.flags...)
	network, address := harness.NewProxy(m.T, here.daemon.URL)
	here.proxy = network
	here.address.Store(&address)
}

// A run records one history.
type run struct {
	*cluster
	*history
	name       string
	done       chan struct{}
	unanswered []attempt // the requests that were neither answered nor accepted so far
}

const (
	sharedKeys  = 3 // keys that several clients use
	keyUsers    = 3 // clients of them
	slotBuyers  = 4 // clients that want slots for keys of their own
	keysPerPlan = 8
	resizerID   = keyUsers + slotBuyers // the client that resizes plans
)

// countries are the countries of the plans whose slots the clients buy.
var countries = []string{"US", "DE"}

func (r *run) key(i int) string { return fmt.Sprintf("%s-key-%d", r.name, i) }

func (r *run) plan(country string) string { return "plan " + r.name + "-" + country }

func (r *run) keyOf(plan string, n int) string {
	return fmt.Sprintf("%s-%d", strings.TrimPrefix(plan, "plan "), n)
}

// record runs eight clients with a fault in the middle, and returns the history.
func (m *cluster) record(fault fault) *history {
	m.Helper()
	m.runs++
	r := &run{cluster: m, history: newHistory(fault.name), name: fmt.Sprint("h", m.runs), done: make(chan struct{})}
	r.importAll()
	var busy, buying sync.WaitGroup
	for client := range keyUsers {
		busy.Go(func() { r.useKeys(client) })
	}
	for client := range slotBuyers {
		buying.Go(func() { r.buySlots(keyUsers+client, client) })
	}
	busy.Go(r.resizePlans)
	m.Eventually("clients are at it", func() bool { return r.answered() > 30 })
	fault.inject(m)
	buying.Wait()
	close(r.done)
	busy.Wait()
	r.finish()
	return r.history
}

// importAll imports the keys and plans of the run.
func (r *run) importAll() {
	r.Helper()
	var codes []string
	for i := range sharedKeys {
		codes = append(codes, r.key(i))
	}
	for _, country := range countries {
		for n := range keysPerPlan {
			codes = append(codes, r.keyOf(r.plan(country), n))
		}
	}
	r.AddKeys(codes...)
	r.ImportPlans(r.name + "-FR,FR,1000,,") // for the shared keys
	for _, country := range countries {
		r.resizePlan(r.plan(country), 3)
	}
}

// finish waits until all tasks have ended, and takes the plans out of stock.
func (r *run) finish() {
	r.Helper()
	for _, b := range r.unanswered {
		r.followAttempt(b.Client, b)
	}
	for i := range sharedKeys {
		r.Eventually("the task ends", func() bool { return !strings.HasPrefix(r.recordInfo(0, r.key(i)), "in_queue") })
	}
	for _, country := range append(countries, "FR") {
		r.MustExec("plans", "retire", r.name+"-"+country)
	}
}

func (r *run) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// send makes a call and records it. The function read extracts the answer from a body. A call that only reads and gets
// no answer is not recorded.
func (r *run) send(d operation, form string, read func(body string) string) operation {
	method, address, header := http.MethodGet, *r.endpoints[rand.IntN(len(r.endpoints))].address.Load()+"/API/", http.Header(nil)
	if d.Do == "upgrade" || d.Do == "renew" || d.Do == "take" {
		method, header = http.MethodPost, harness.FormHeader
	} else {
		address, form = address+"?"+form, ""
	}
	through := &harness.Daemon{Shop: r.Shop, Client: httpClient}
	d.Call = r.now()
	a, err := through.Send(method, address, form, header)
	d.Return = r.now()
	switch {
	case err == nil && a.Code == http.StatusOK:
		d.Got = read(a.Body)
	case err == nil && (a.Code != http.StatusServiceUnavailable || a.Body != harness.Unavailable):
		r.Errorf("%s: %d %s", d.Do, a.Code, a.Body)
	default:
		d.Return = 0
		time.Sleep(5 * time.Millisecond) // because the daemon is down, the client waits
	}
	if d.Got != "" || method == http.MethodPost {
		r.write(d)
	}
	return d
}

// A fault is what breaks in a run.
type fault struct {
	name   string
	inject func(m *cluster)
}

// faults returns the faults for the database of the cluster.
func (m *cluster) faults() []fault {
	all := []fault{{"a daemon is killed", (*cluster).killDaemon}}
	if m.cluster != nil {
		all = append(all, fault{"the database is killed", (*cluster).killDatabase}, fault{"commits are lost", (*cluster).loseCommits})
	}
	all = append(all, fault{"a daemon sleeps past its leases", (*cluster).stallDaemon}, fault{"clients are cut off", (*cluster).cutClients})
	if m.cluster != nil {
		all = append(all, fault{"the database is cut off", (*cluster).cutDatabase})
	}
	return all
}

func (m *cluster) anyEndpoint() (int, *endpoint) {
	i := rand.IntN(len(m.endpoints))
	return i, m.endpoints[i]
}

func (m *cluster) killDaemon() {
	i, victim := m.anyEndpoint()
	victim.daemon.Kill()
	m.serveAt(i)
}

func (m *cluster) stallDaemon() {
	_, victim := m.anyEndpoint()
	victim.daemon.Pause()
	time.Sleep(700 * time.Millisecond) // longer than a lease
	victim.daemon.Resume()
}

const cuts = 10

func (m *cluster) cutClients() {
	for range cuts {
		_, victim := m.anyEndpoint()
		victim.proxy.Cut()
		time.Sleep(time.Duration(5+rand.IntN(30)) * time.Millisecond) // at any moment
	}
}

func (m *cluster) cutDatabase() {
	for range cuts {
		m.proxy.Cut()
		time.Sleep(time.Duration(5+rand.IntN(30)) * time.Millisecond) // at any moment
	}
}

func (m *cluster) killDatabase() {
	m.cluster.Kill(m)
	m.cluster.Restart(m)
}

func (m *cluster) loseCommits() {
	_, before := m.proxy.Damage()
	m.proxy.LoseCommits(true)
	m.Eventually("commits are lost", func() bool {
		_, now := m.proxy.Damage()
		return now >= before+5
	})
	m.proxy.LoseCommits(false)
}
