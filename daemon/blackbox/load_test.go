package blackbox_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/tasks"
)

// A load is clients that upgrade and renew keys of their own until they are told to stop, whatever
// becomes of the daemons. They write down what they do, and the provider keeps its ledger in a file:
// the promises are held to these two and to the database.
type load struct {
	*shop
	*notes
	from    witnesses
	scripts []string // what the provider does
	least   int      // requests that must be accepted, or nothing is proven
	late    time.Duration
	slowest time.Duration
	alone   bool

	serving atomic.Pointer[[]*daemon] // which are asked, in any order
	acked   atomic.Int64
	asked   atomic.Int64
	pace    atomic.Int64 // how long each client rests after a step, in nanoseconds
	done    chan struct{}
	clients sync.WaitGroup
}

const (
	clients = 8
	ownKeys = 30 // of each client

	// What every login and password has in it, and nothing else.
	loginMark    = ".login-5d2e.example.com"
	passwordMark = "pass-7c1f-"
)

// scripts are what the provider does; most of them take a moment, in which a daemon can die.
var scripts = []string{
	"success", "slow=20+success", "slow=60+success", "slow=100+success", "500+success", "cut_after+success",
	"202+success", "wrong_address", "slow=40+still_premium", "404+success",
}

// newLoad stocks the shop for clients, and some hundreds of requests.
func newLoad(s *shop) *load { return loadOf(s, 50) }

// loadOf stocks the shop for clients of which at least so many requests must be accepted. There are
// slots for several times as many, since the clients do not stop at that number, and since a plan that
// is found faulty takes its slots out of stock.
func loadOf(s *shop, least int) *load {
	s.Helper()
	var codes, plans []string
	for c := range clients {
		for k := range ownKeys {
			codes = append(codes, fmt.Sprintf("c%d-%d", c, k))
		}
	}
	for p := range 50 + least/15 {
		plans = append(plans, fmt.Sprintf("plan-%d,US,100,,", p))
	}
	l := emptyLoad(s, least)
	s.fresh(codes...)
	s.importPlans(plans...)
	return l
}

// emptyLoad has neither keys nor plans yet.
func emptyLoad(s *shop, least int) *load {
	s.Helper()
	folder := s.ArtifactDir()
	w := witnesses{filepath.Join(folder, "notes"), filepath.Join(folder, "ledger"), s.database}
	n, err := newNotes(w.notes)
	if err == nil {
		err = s.provider.RecordTo(w.ledger)
	}
	if err != nil {
		s.Fatal(err)
	}
	return &load{shop: s, from: w, notes: n, scripts: scripts, least: least, done: make(chan struct{})}
}

// begin lets the clients loose on daemons, which others may follow.
func (l *load) begin(all ...*daemon) {
	l.use(all...)
	for c := range clients {
		l.clients.Go(func() {
			for n := 0; !l.over(); n++ {
				l.step(fmt.Sprintf("c%d-%d", c, rand.IntN(ownKeys)), fmt.Sprintf("%d-%d%s", c, n, loginMark))
				time.Sleep(time.Duration(l.pace.Load()))
			}
		})
	}
}

// use leads the clients to these daemons, from their next calls on.
func (l *load) use(all ...*daemon) { l.serving.Store(&all) }

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

// moment is how long a client waits before it looks again.
const moment = 2 * time.Millisecond

// step does with a key what can be done with it, if it is not in the queue.
func (l *load) step(code, domain string) {
	all := *l.serving.Load()
	d := all[rand.IntN(len(all))]
	a, err := l.call(d, note{Call: "info", Key: code}, "")
	switch {
	case err != nil || a.code != http.StatusOK || strings.Contains(a.body, "in_queue"):
		time.Sleep(moment) // as a client would
		return
	case rand.IntN(50) == 0:
		_, _ = l.call(d, note{Call: "stock"}, "") // it is written down
	}
	script := l.scripts[rand.IntN(len(l.scripts))]
	if rand.IntN(60) == 0 {
		script = "plan_full.success"
	}
	l.submit(d, code, script+"@"+domain, "US", strings.Contains(a.body, `"used":1`))
}

// submit asks for an upgrade, or for a renew if the key is used.
func (l *load) submit(d *daemon, code, login, country string, used bool) answer {
	n := note{Call: "upgrade", Key: code, Login: login, Country: country}
	if used {
		n.Call = "renew"
	}
	password, next := passwordMark+login, ""
	if used && rand.IntN(2) == 0 { // as older clients do
		n.Country, next = "", passwordMark+"next"
	}
	n.Account = connectortest.HashAccount(tasks.Account{
		Login: tasks.NewSecret(login), Password: tasks.NewSecret(password), NewPassword: tasks.NewSecret(next),
	})
	a, _ := l.call(d, n, q(n.Call, code, "login", login, "pwd", password, "country", n.Country, "newpwd", next)) // it is written down
	if a.code == http.StatusOK && (a.body == upgradeSent || a.body == renewSent) {
		l.acked.Add(1)
	}
	return a
}

// call calls a daemon, with a form if there is one, and writes down both the call and its answer.
func (l *load) call(d *daemon, n note, form string) (answer, error) {
	n = l.before(n)
	method, target, header := http.MethodGet, "/API/?stock", http.Header(nil)
	switch {
	case form != "":
		method, target, header = http.MethodPost, "/API/", asForm
		l.asked.Add(1)
	case n.Call == "info":
		target = "/API/?" + q("info", n.Key)
	}
	a, err := d.try(method, d.url+target, form, header)
	l.after(n, a, err)
	return a, err
}

// size is how many requests were made.
func (l *load) size() int { return int(l.asked.Load()) }

// goesOn waits until so many more requests have been accepted.
func (l *load) goesOn(n int) {
	l.Helper()
	goal := l.acked.Load() + int64(n)
	l.until("requests are accepted", func() bool { return l.acked.Load() >= goal })
}

// totals are what a load has come to.
type totals struct {
	acked, unanswered int // requests
	lost              int // requests that were accepted, but are not one task
	stale             int // tasks with more writes than leases, or with one after the end
	lostLeases        int
}

// figures are they, as [tried] takes them.
func (f totals) figures(others ...any) []any {
	return append([]any{
		"acked", f.acked, "unanswered", f.unanswered, "lost", f.lost, "unleased_writes", f.stale, "lost_leases", f.lostLeases,
	}, others...)
}

// settled waits until every task has ended, and holds the promises to the evidence.
func (l *load) settled() totals {
	l.Helper()
	l.until("every task ends", func() bool { return l.count(openTasks) == 0 })
	if err := l.close(); err != nil {
		l.Fatal(err)
	}
	e, err := l.from.hear(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	e.late, e.slowest, e.alone = max(e.late, l.late), max(e.slowest, l.slowest), l.alone
	if err := e.check(); err != nil {
		l.Error(err)
	}
	l.well()
	f := e.totals()
	l.Logf("%+v, %d idempotency keys were asked about", f, len(e.asked))
	if f.acked < l.least {
		l.Errorf("only %d requests were accepted: nothing is proven", f.acked)
	}
	return f
}

func (e *evidence) totals() totals {
	f := totals{lostLeases: e.lostLeases()}
	e.acceptedIsOneTask(func(string, ...any) { f.lost++ })
	e.staleWritesNothing(func(string, ...any) { f.stale++ })
	for _, told := range e.story {
		for _, x := range told {
			switch {
			case x.acked():
				f.acked++
			case x.Call != "info" && x.unknown():
				f.unanswered++
			}
		}
	}
	return f
}

// discreet holds that a daemon that has ended has logged no login and no password, and forgets what it
// has logged, because there may be a thousand of them.
func (l *load) discreet(d *daemon) {
	l.Helper()
	text := d.log.String()
	for _, mark := range marks {
		if strings.Contains(text, mark) {
			l.Errorf("a daemon has logged a login or a password")
		}
	}
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	d.log.text.Reset()
}
