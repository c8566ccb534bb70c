package connectortest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/keyseat/keyseat/tasks"
)

// A Provider is a fake of the provider's service, with the protocol of the HTTP connector. The zero Provider is
// an [http.Handler] that is ready for use; [NewProvider] serves one. Many goroutines may use it simultaneously.
//
// A Provider responds to a repeated idempotency key with the first outcome, and does no work twice. The local
// part of the login defines the response to each attempt of a key. It consists of words joined by plus signs,
// one for each attempt. The last word also applies to all later attempts. After a dot come the words for the
// task's next plan. The words are:
//
//	the name of an outcome     a good response
//	a word not listed here     a good response
//	404, 503, 202, …           that status; 503=5: with Retry-After: 5
//	cut                        the connection is cut without a response
//	silent                     nothing, until the client disconnects
//	slow=200                   a good response after 200 ms
//	drip                       200 and then a byte a second, without end
//	html, empty, huge          200 with a body of HTML, of 0 bytes, of 10 MB
//	truncated                  200 with the first half of a good body
//	no_outcome, odd_outcome    200 without an outcome, with an unknown one
//	redirect                   307 to another path
//
// A good response has status 200 and the outcome of the work. The last word names this outcome; by default it is
// success. The work is done before a good response, and before the response of a word with the suffix _after
// (cut_after, 503_after=2). For all other words no work is done.
type Provider struct {
	URL   string                       // the address of the server, if [NewProvider] made it
	Token string                       // the bearer token that requests must have; "": any
	Hook  func(Request) (words string) // returns the words to use, or "" to use the login; may block

	ledger ledger
}

// NewProvider serves a provider on loopback until the test ends. Set its fields before the first request.
func NewProvider(t testing.TB) *Provider {
	p := new(Provider)
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		server.CloseClientConnections() // otherwise Close would wait for silent responses
		server.Close()
	})
	p.URL = server.URL
	return p
}

// RecordTo keeps the ledger in a file, so that a later provider can continue the ledger. It creates the file if
// necessary, and reads the effects in the file. From then on the provider appends each request and each effect to the
// file, as one [Line].
//
// Later requests are only in the file, so that memory does not grow. [Provider.Requests] returns the earlier requests.
func (p *Provider) RecordTo(path string) error { return p.ledger.open(path) }

// Requests returns the received requests in order. It leaves out the requests in the file of [Provider.RecordTo].
func (p *Provider) Requests() []Request {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	return slices.Clone(p.ledger.requests)
}

// Effects returns the work that was done, by idempotency key.
func (p *Provider) Effects() map[string]Effect {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	all := map[string]Effect{}
	for key, e := range p.ledger.effects {
		all[key] = *e
	}
	return all
}

// Check returns an error for each of these violations:
//
//   - a request that does not follow the protocol
//   - an idempotency key with two different bodies
//   - an idempotency key whose work was done twice
//   - two idempotency keys for one task and plan
//   - two successes of one task
func (p *Provider) Check() error { return p.ledger.check() }

// CheckAll fails the test if [Provider.Check] returns an error.
func (p *Provider) CheckAll(t testing.TB) {
	t.Helper()
	if err := p.Check(); err != nil {
		t.Errorf("the connector violates the protocol:\n%v", err)
	}
}

// ServeHTTP responds to one attempt.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := parseRequest(r)
	n := p.ledger.record(q, err)
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case p.Token != "" && q.Header.Get("Authorization") != "Bearer "+p.Token:
		w.WriteHeader(http.StatusUnauthorized)
	default:
		p.respond(w, r, q, parseStep(p.script(q), n))
	}
}

// script returns the words for the attempts of a key.
func (p *Provider) script(q Request) string {
	words := ""
	if p.Hook != nil {
		words = p.Hook(q)
	}
	return cmp.Or(words, scriptOf(q.Content.Account.Login.Reveal(), q.Content.Ordinal))
}

func (p *Provider) respond(w http.ResponseWriter, r *http.Request, q Request, s step) {
	if s.after {
		p.ledger.carryOut(q, s.outcome)
	}
	if s.misbehavior != nil && !s.misbehavior(w, r, s.arg) {
		return
	}
	respondWell(w, q, p.ledger.carryOut(q, s.outcome))
}

// respondWell writes a response with status 200 and the outcome. If an upgrade has succeeded, the response has a
// username. The username is made from the task's id, because no secret such as the login may be in it.
func respondWell(w http.ResponseWriter, q Request, outcome tasks.Outcome) {
	body := map[string]string{"outcome": string(outcome)}
	if outcome == tasks.Success && q.Content.Kind == tasks.Upgrade {
		body["username"] = "user-" + q.Content.Task
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client may have disconnected
}
