package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"log"
	"net/http"
	"sync"
	"time"
)

// A service answers the HTTP connector.
type service struct {
	token    string
	ledger   *ledger
	provider provider
	maxWait  time.Duration // how long a request waits for the work before it gets a 202

	ctx   context.Context //nolint:containedctx // of all work, which outlives the request that started it
	start func(func())    // runs a function in a new goroutine
	stop  func()          // cancels the work, and waits until it has ended

	mu   sync.Mutex
	jobs map[string]*job // running jobs, by idempotency key
}

// A job is a running order. Its answer is set when done is closed.
type job struct {
	done   chan struct{}
	answer *answer // nil: the result is not known
}

func newService(token string, l *ledger, p provider) *service {
	s := &service{token: token, ledger: l, provider: p, maxWait: 5 * time.Second, jobs: map[string]*job{}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	s.ctx = ctx
	s.stop = func() { cancel(); running.Wait() }
	s.start = func(f func()) { running.Go(f) }
	return s
}

// ServeHTTP answers one request of the connector.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, o, status := s.parse(r)
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	j, status := s.job(key, o)
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	timer := time.NewTimer(s.maxWait)
	defer timer.Stop()
	select {
	case <-j.done:
		j.respond(w)
	case <-timer.C:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusAccepted)
	case <-r.Context().Done(): // the client has disconnected, and keyseat repeats the request
	}
}

// respond sends the answer of a finished job.
func (j *job) respond(w http.ResponseWriter) {
	if j.answer == nil {
		w.WriteHeader(http.StatusServiceUnavailable) // so that keyseat repeats the request
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(j.answer) // a client that has left repeats the request
}

// parse reads a request, or returns the status that refuses it. After a 401 keyseat repeats the request,
// because an operator may correct the token. A 400 ends the task.
func (s *service) parse(r *http.Request) (key string, o order, status int) {
	want, got := sha256.Sum256([]byte("Bearer "+s.token)), sha256.Sum256([]byte(r.Header.Get("Authorization")))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return "", o, http.StatusUnauthorized
	}
	key = r.Header.Get("Idempotency-Key")
	if r.Method != http.MethodPost || key == "" || len(key) > 255 {
		return "", o, http.StatusBadRequest
	}
	if json.NewDecoder(http.MaxBytesReader(nil, r.Body, 64<<10)).Decode(&o) != nil || r.URL.Path != "/"+o.Kind {
		return "", o, http.StatusBadRequest
	}
	return key, o, 0
}

// job returns the job of a key, or starts one. A key never has two running jobs.
func (s *service) job(key string, o order) (*job, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, started := s.ledger.find(key)
	switch {
	case started && e.Info != o.orderInfo:
		return nil, http.StatusUnprocessableEntity // the key belongs to another order
	case e.Answer != nil:
		j := &job{make(chan struct{}), e.Answer}
		close(j.done)
		return j, 0
	case s.jobs[key] != nil:
		return s.jobs[key], 0
	}
	if !started {
		if err := s.ledger.write(entry{Key: key, Info: o.orderInfo}); err != nil {
			log.Print("refused an order, because the ledger cannot be written: ", err)
			return nil, http.StatusTooManyRequests // this status means that the service did nothing
		}
	}
	j := &job{done: make(chan struct{})}
	s.jobs[key] = j
	s.start(func() { s.do(key, o, started, j) })
	return j, 0
}

// do runs a job. It sets the answer only after the answer is on the disk.
func (s *service) do(key string, o order, retried bool, j *job) {
	result, err := s.provider.Do(s.ctx, key, o, retried)
	if err == nil {
		err = s.ledger.write(entry{key, o.orderInfo, &result})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		j.answer = &result
	} else {
		log.Printf("%s: the result is unknown: %v", key, err)
	}
	delete(s.jobs, key)
	close(j.done)
}

// A provider does the work. Replace [simulated] with yours.
type provider interface {
	// Do carries out an order. The reference is unique to the order. If retried is true, an earlier call may have
	// carried out the order, or a part of it: check that first. Return an answer if the result is certain, and
	// an error if it is not. After an error, keyseat repeats the request.
	Do(ctx context.Context, reference string, o order, retried bool) (answer, error)
}

// An order is the body of a request.
type order struct {
	orderInfo
	Account struct {
		Login       string `json:"login"`
		Password    string `json:"password"`
		NewEmail    string `json:"new_email"`    // only of a renew; may be empty
		NewPassword string `json:"new_password"` // only of a renew; may be empty
	} `json:"account"`
}
