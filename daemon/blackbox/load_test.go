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
	*Shop
	*journal
	sources         sources
	scripts         []string // what the provider does
	minAccepted     int      // requests that must be accepted, or nothing is proven
	maxLag          time.Duration
	maxTaskTime     time.Duration
	lostWithPrimary bool

	serving  atomic.Pointer[[]*Daemon] // which are asked, in any order
	accepted atomic.Int64
	sent     atomic.Int64
	pause    atomic.Int64 // how long each client rests after a step, in nanoseconds
	done     chan struct{}
	clients  sync.WaitGroup
}

const (
	clientCount   = 8
	keysPerClient = 30 // of each client

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
func newLoad(s *Shop) *load { return newLoadFor(s, 50) }

// newLoadFor stocks the shop for clients of which at least so many requests must be accepted. There are
// slots for several times as many, since the clients do not stop at that number, and since a plan that
// is found faulty takes its slots out of stock.
func newLoadFor(s *Shop, least int) *load {
	s.Helper()
	var codes, plans []string
	for c := range clientCount {
		for k := range keysPerClient {
			codes = append(codes, fmt.Sprintf("c%d-%d", c, k))
		}
	}
	for p := range 50 + least/15 {
		plans = append(plans, fmt.Sprintf("plan-%d,US,100,,", p))
	}
	l := newEmptyLoad(s, least)
	s.AddKeys(codes...)
	s.ImportPlans(plans...)
	return l
}

// newEmptyLoad has neither keys nor plans yet.
func newEmptyLoad(s *Shop, least int) *load {
	s.Helper()
	folder := s.ArtifactDir()
	w := sources{filepath.Join(folder, "notes"), filepath.Join(folder, "ledger"), s.Database}
	n, err := newJournal(w.journal)
	if err == nil {
		err = s.Provider.RecordTo(w.ledger)
	}
	if err != nil {
		s.Fatal(err)
	}
	return &load{Shop: s, sources: w, journal: n, scripts: scripts, minAccepted: least, done: make(chan struct{})}
}

// start lets the clients loose on daemons, which others may follow.
func (l *load) start(all ...*Daemon) {
	l.useDaemons(all...)
	for c := range clientCount {
		l.clients.Go(func() {
			for n := 0; !l.over(); n++ {
				l.step(fmt.Sprintf("c%d-%d", c, rand.IntN(keysPerClient)), fmt.Sprintf("%d-%d%s", c, n, loginMark))
				time.Sleep(time.Duration(l.pause.Load()))
			}
		})
	}
}

// useDaemons leads the clients to these daemons, from their next calls on.
func (l *load) useDaemons(all ...*Daemon) { l.serving.Store(&all) }

func (l *load) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// stop stops the clients and waits for them.
func (l *load) stop() {
	close(l.done)
	l.clients.Wait()
}

// retryPause is how long a client waits before it looks again.
const retryPause = 2 * time.Millisecond

// step does with a key what can be done with it, if it is not in the queue.
func (l *load) step(code, domain string) {
	all := *l.serving.Load()
	d := all[rand.IntN(len(all))]
	a, err := l.call(d, journalEntry{Call: "info", Key: code}, "")
	switch {
	case err != nil || a.Code != http.StatusOK || strings.Contains(a.Body, "in_queue"):
		time.Sleep(retryPause) // as a client would
		return
	case rand.IntN(50) == 0:
		_, _ = l.call(d, journalEntry{Call: "stock"}, "") // it is written down
	}
	script := l.scripts[rand.IntN(len(l.scripts))]
	if rand.IntN(60) == 0 {
		script = "plan_full.success"
	}
	l.submit(d, code, script+"@"+domain, "US", strings.Contains(a.Body, `"used":1`))
}

// submit asks for an upgrade, or for a renew if the key is used.
func (l *load) submit(d *Daemon, code, login, country string, used bool) Response {
	n := journalEntry{Call: "upgrade", Key: code, Login: login, Country: country}
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
	a, _ := l.call(d, n, Query(n.Call, code, "login", login, "pwd", password, "country", n.Country, "newpwd", next)) // it is written down
	if a.Code == http.StatusOK && (a.Body == UpgradeSent || a.Body == RenewSent) {
		l.accepted.Add(1)
	}
	return a
}

// call calls a daemon, with a form if there is one, and writes down both the call and its answer.
func (l *load) call(d *Daemon, n journalEntry, form string) (Response, error) {
	n = l.begin(n)
	method, target, header := http.MethodGet, "/API/?stock", http.Header(nil)
	switch {
	case form != "":
		method, target, header = http.MethodPost, "/API/", FormHeader
		l.sent.Add(1)
	case n.Call == "info":
		target = "/API/?" + Query("info", n.Key)
	}
	a, err := d.Send(method, d.URL+target, form, header)
	l.end(n, a, err)
	return a, err
}

// requestCount is how many requests were made.
func (l *load) requestCount() int { return int(l.sent.Load()) }

// waitAccepted waits until so many more requests have been accepted.
func (l *load) waitAccepted(n int) {
	l.Helper()
	goal := l.accepted.Load() + int64(n)
	l.Eventually("requests are accepted", func() bool { return l.accepted.Load() >= goal })
}

// totals are what a load has come to.
type totals struct {
	accepted, unanswered int // requests
	lost                 int // requests that were accepted, but are not one task
	stale                int // tasks with more writes than leases, or with one after the end
	lostLeases           int
}

// figures are they, as [blackbox.Report] takes them.
func (f totals) figures(others ...any) []any {
	return append([]any{
		"acked", f.accepted, "unanswered", f.unanswered, "lost", f.lost, "unleased_writes", f.stale, "lost_leases", f.lostLeases,
	}, others...)
}

// finish waits until every task has ended, and holds the promises to the evidence.
func (l *load) finish() totals {
	l.Helper()
	l.Eventually("every task ends", func() bool { return l.Count(OpenTasks) == 0 })
	if err := l.close(); err != nil {
		l.Fatal(err)
	}
	e, err := l.sources.read(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	e.maxLag, e.maxTaskTime, e.lostWithPrimary = max(e.maxLag, l.maxLag), max(e.maxTaskTime, l.maxTaskTime), l.lostWithPrimary
	if err := e.check(); err != nil {
		l.Error(err)
	}
	l.CheckDoctor()
	f := e.totals()
	l.Logf("%+v, %d idempotency keys were asked about", f, len(e.requests))
	if f.accepted < l.minAccepted {
		l.Errorf("only %d requests were accepted: nothing is proven", f.accepted)
	}
	return f
}

func (e *evidence) totals() totals {
	f := totals{lostLeases: e.lostLeases()}
	e.acceptedIsOneTask(func(string, ...any) { f.lost++ })
	e.writesHaveLeases(func(string, ...any) { f.stale++ })
	for _, calls := range e.calls {
		for _, x := range calls {
			switch {
			case x.accepted():
				f.accepted++
			case x.Call != "info" && x.unknown():
				f.unanswered++
			}
		}
	}
	return f
}

// expectNoSecrets holds that a daemon that has ended has logged no login and no password, and forgets what it
// has logged, because there may be a thousand of them.
func (l *load) expectNoSecrets(d *Daemon) {
	l.Helper()
	text := d.Logs.String()
	for _, mark := range secretMarks {
		if strings.Contains(text, mark) {
			l.Errorf("a daemon has logged a login or a password")
		}
	}
	d.Logs.mu.Lock()
	defer d.Logs.mu.Unlock()
	d.Logs.text.Reset()
}
