package faults_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
	"github.com/keyseat/keyseat/tasks"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// A load is clients that upgrade and renew keys of their own, whatever happens to the daemons. They keep a journal,
// and the provider keeps a ledger. A checker compares both with the database.
type load struct {
	*harness.Shop
	*journal
	sources         sources
	scripts         []string // the behaviours of the provider
	minAccepted     int      // the least number of accepted requests with which the test counts
	maxLag          time.Duration
	maxTaskTime     time.Duration
	lostWithPrimary bool

	serving  atomic.Pointer[[]*harness.Daemon] // the daemons that get requests, in random order
	accepted atomic.Int64
	sent     atomic.Int64
	pause    atomic.Int64 // the pause of a client after each step, in nanoseconds
	done     chan struct{}
	clients  sync.WaitGroup
}

const (
	clientCount   = 8
	keysPerClient = 30 // the number of keys of a client, which no other client uses

	// Texts that are in every login and password, and nowhere else.
	loginMark    = ".login-5d2e.example.com"
	passwordMark = "pass-7c1f-"
)

// scripts are behaviours of the provider. Most of them take a moment, in which a daemon can die.
var scripts = []string{
	"success", "slow=20+success", "slow=60+success", "slow=100+success", "500+success", "cut_after+success",
	"202+success", "wrong_address", "slow=40+still_premium", "404+success",
}

// newLoad imports keys and plans for a short load.
func newLoad(s *harness.Shop) *load { return newLoadFor(s, 50) }

// newLoadFor imports keys and plans for a load with at least a number of accepted requests. It imports several times
// as many slots. The clients do not stop at that number, and a faulty plan takes its slots out of stock.
func newLoadFor(s *harness.Shop, least int) *load {
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

// newEmptyLoad returns a load without keys and plans.
func newEmptyLoad(s *harness.Shop, least int) *load {
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

// start starts the clients. They use the given daemons.
func (l *load) start(all ...*harness.Daemon) {
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

// useDaemons makes the clients use other daemons, from their next calls on.
func (l *load) useDaemons(all ...*harness.Daemon) { l.serving.Store(&all) }

func (l *load) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// stop stops the clients and waits for their end.
func (l *load) stop() {
	close(l.done)
	l.clients.Wait()
}

// retryPause is the pause of a client that cannot continue.
const retryPause = 2 * time.Millisecond

// step upgrades or renews a key that is not in the queue.
func (l *load) step(code, domain string) {
	all := *l.serving.Load()
	d := all[rand.IntN(len(all))]
	a, err := l.call(d, journalEntry{Call: "info", Key: code}, "")
	switch {
	case err != nil || a.Code != http.StatusOK || strings.Contains(a.Body, "in_queue"):
		time.Sleep(retryPause) // as a client would
		return
	case rand.IntN(50) == 0:
		_, _ = l.call(d, journalEntry{Call: "stock"}, "") // it is recorded
	}
	script := l.scripts[rand.IntN(len(l.scripts))]
	if rand.IntN(60) == 0 {
		script = "plan_full.success"
	}
	l.submit(d, code, script+"@"+domain, "US", strings.Contains(a.Body, `"used":1`))
}

// submit sends an upgrade, or a renew if the key is used.
func (l *load) submit(d *harness.Daemon, code, login, country string, used bool) harness.Response {
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
	a, _ := l.call(d, n, harness.Query(n.Call, code, "login", login, "pwd", password, "country", n.Country, "newpwd", next)) // it is recorded
	if a.Code == http.StatusOK && (a.Body == harness.UpgradeSent || a.Body == harness.RenewSent) {
		l.accepted.Add(1)
	}
	return a
}

// call sends a call, with a form if it is not empty, and records it with its answer.
func (l *load) call(d *harness.Daemon, n journalEntry, form string) (harness.Response, error) {
	n = l.begin(n)
	method, target, header := http.MethodGet, "/API/?stock", http.Header(nil)
	switch {
	case form != "":
		method, target, header = http.MethodPost, "/API/", harness.FormHeader
		l.sent.Add(1)
	case n.Call == "info":
		target = "/API/?" + harness.Query("info", n.Key)
	}
	a, err := d.Send(method, d.URL+target, form, header)
	l.end(n, a, err)
	return a, err
}

// requestCount returns the number of requests.
func (l *load) requestCount() int { return int(l.sent.Load()) }

// waitAccepted waits until n more requests have been accepted.
func (l *load) waitAccepted(n int) {
	l.Helper()
	goal := l.accepted.Load() + int64(n)
	l.Eventually("requests are accepted", func() bool { return l.accepted.Load() >= goal })
}

// totals are the results of a load.
type totals struct {
	accepted, unanswered int // the numbers of requests with these results
	lost                 int // accepted requests that are not one task
	stale                int // tasks with more writes than leases, or with a write after the end
	lostLeases           int
}

// figures returns the totals and others for [harness.Report].
func (f totals) figures(others ...any) []any {
	return append([]any{
		"acked", f.accepted, "unanswered", f.unanswered, "lost", f.lost, "unleased_writes", f.stale, "lost_leases", f.lostLeases,
	}, others...)
}

// finish waits until every task has ended, and checks the promises.
func (l *load) finish() totals {
	l.Helper()
	l.Eventually("every task ends", func() bool { return l.Count(harness.OpenTasks) == 0 })
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
	l.Logf("%+v, %d idempotency keys", f, len(e.requests))
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

// expectNoSecrets checks that the log of a daemon has no login and no password. It also clears the log, because a
// test may have a thousand daemons.
func (l *load) expectNoSecrets(d *harness.Daemon) {
	l.Helper()
	text := d.Logs.String()
	for _, mark := range secretMarks {
		if strings.Contains(text, mark) {
			l.Errorf("a daemon has logged a login or a password")
		}
	}
	d.Logs.Reset()
}
