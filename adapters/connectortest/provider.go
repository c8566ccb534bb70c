package connectortest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keyseat/keyseat/tasks"
)

// A Provider is a fake of the provider's service, which speaks the protocol of the HTTP connector.
// The zero Provider is an [http.Handler] that is ready for use; [NewProvider] serves one.
//
// It answers a repeated idempotency key with the first outcome and does nothing twice. How it does
// so, the local part of the login says: words joined by plus signs, one for each asking of a key, the
// last for all later ones as well. After a dot come those for the task's next plan. The words are
//
//	the name of an outcome     200 with that outcome; so does any word that is not listed here,
//	                           with success
//	404, 503, 202, …           that status; with =5, and Retry-After: 5
//	cut                        the connection is cut without an answer
//	silent                     nothing, until the client has gone
//	slow=200                   a good answer after 200 ms
//	drip                       200 and then a byte a second, without end
//	html, empty, huge          200 with a page, with nothing, with 10 MB
//	truncated                  200 with the first half of an answer
//	no_outcome, odd_outcome    200 with none, with one that nobody knows
//	redirect                   307 to another path
//
// and a good answer apart, each of them leaves nothing done. With _after (cut_after, 503_after=2)
// the work is done first, with the outcome that the last word names, or success.
type Provider struct {
	URL   string                      // where it listens, if [NewProvider] made it
	Token string                      // that requests must bear; "": any
	Hook  func(q Request) (as string) // the words for a key, "" for the login's own; it may wait

	mu     sync.Mutex
	ledger ledger
}

// NewProvider serves a provider on loopback until the test ends. Its fields are set before it is asked.
func NewProvider(t testing.TB) *Provider {
	p := new(Provider)
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		server.CloseClientConnections() // or the silent ones would keep Close waiting
		server.Close()
	})
	p.URL = server.URL
	return p
}

// RecordTo makes the ledger outlive the provider: it reads the effects in the file, if there are any, and
// appends to it every request and effect as they come, one [Line] each. The requests are then in the
// file alone, however many they are: [Provider.Requests] lists those that came before.
func (p *Provider) RecordTo(path string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ledger.open(path)
}

// Requests lists everything that was received, in order, unless it is kept in a file.
func (p *Provider) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ledger.requests)
}

// Effects tells what was done, by idempotency key.
func (p *Provider) Effects() map[string]Effect {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]Effect{}
	for key, e := range p.ledger.effects {
		all[key] = *e
	}
	return all
}

// Check says what was wrong with all that was received and done: a request that does not follow the
// protocol, a key with two payloads or done twice, two keys for a task and plan, two successes of a
// task.
func (p *Provider) Check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ledger.check()
}

// CheckAll fails the test if [Provider.Check] finds something.
func (p *Provider) CheckAll(t testing.TB) {
	t.Helper()
	if err := p.Check(); err != nil {
		t.Errorf("the provider was not asked as it should be:\n%v", err)
	}
}

// ServeHTTP answers one asking.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := receive(r)
	n := p.enter(q, err)
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case p.Token != "" && q.Header.Get("Authorization") != "Bearer "+p.Token:
		w.WriteHeader(http.StatusUnauthorized)
	default:
		p.play(w, r, q, p.part(q, n))
	}
}

func (p *Provider) enter(q Request, err error) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.ledger.faults = append(p.ledger.faults, err)
	}
	return p.ledger.enter(q)
}

// part finds what to do with the n-th asking of a key.
func (p *Provider) part(q Request, n int) part {
	s := read(q.Order.Account.Login.Reveal(), q.Order.Ordinal)
	if p.Hook != nil {
		if word := p.Hook(q); word != "" {
			s = strings.Split(word, "+")
		}
	}
	return s.part(n)
}

func (p *Provider) play(w http.ResponseWriter, r *http.Request, q Request, as part) {
	if as.after {
		p.carryOut(q, as.outcome)
	}
	if as.manner != nil && !as.manner(w, r, as.arg) {
		return
	}
	answer(w, q, p.carryOut(q, as.outcome))
}

func (p *Provider) carryOut(q Request, outcome tasks.Outcome) tasks.Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ledger.carryOut(q, outcome)
}

// answer is the good one. An upgraded account has a username, which tells nothing of the login.
func answer(w http.ResponseWriter, q Request, outcome tasks.Outcome) {
	body := map[string]string{"outcome": string(outcome)}
	if outcome == tasks.Success && q.Order.Kind == tasks.Upgrade {
		body["username"] = "user-" + q.Order.Task
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}
