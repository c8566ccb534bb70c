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
	patience time.Duration // how long an asking waits for the work before it is told 202

	work  context.Context //nolint:containedctx // of all work, which outlives the asking that began it
	start func(func())    // in a goroutine of its own
	stop  func()          // ends the work, and waits until it has ended

	mu   sync.Mutex
	jobs map[string]*job // at work, by key
}

// A job is an order at work. Its answer is there once it is done.
type job struct {
	done   chan struct{}
	answer *answer // nil: it is not known what has become of it
}

func newService(token string, l *ledger, p provider) *service {
	s := &service{token: token, ledger: l, provider: p, patience: 5 * time.Second, jobs: map[string]*job{}}
	work, cancel := context.WithCancel(context.Background())
	var hands sync.WaitGroup
	s.work = work
	s.stop = func() { cancel(); hands.Wait() }
	s.start = func(f func()) { hands.Go(f) }
	return s
}

// ServeHTTP answers one asking.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, o, status := s.receive(r)
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	j, status := s.job(key, o)
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	timer := time.NewTimer(s.patience)
	defer timer.Stop()
	select {
	case <-j.done:
		j.tell(w)
	case <-timer.C:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusAccepted)
	case <-r.Context().Done(): // it asks again
	}
}

// tell is the answer to an asking whose work is done.
func (j *job) tell(w http.ResponseWriter) {
	if j.answer == nil {
		w.WriteHeader(http.StatusServiceUnavailable) // so that it is asked again
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(j.answer) // who has gone asks again
}

// receive reads an asking, or gives the status that refuses it: a 401 is asked again, since the token
// may be mended; a 400 ends the task.
func (s *service) receive(r *http.Request) (key string, o order, status int) {
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

// job finds the work of a key, or begins it: never twice at a time.
func (s *service) job(key string, o order) (*job, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, begun := s.ledger.find(key)
	switch {
	case begun && e.About != o.about:
		return nil, http.StatusUnprocessableEntity // a key is of one order
	case e.Answer != nil:
		j := &job{make(chan struct{}), e.Answer}
		close(j.done)
		return j, 0
	case s.jobs[key] != nil:
		return s.jobs[key], 0
	}
	if !begun {
		if err := s.ledger.write(entry{Key: key, About: o.about}); err != nil {
			log.Print("nothing is done, because the ledger cannot be written: ", err)
			return nil, http.StatusTooManyRequests // which says that nothing was done
		}
	}
	j := &job{done: make(chan struct{})}
	s.jobs[key] = j
	s.start(func() { s.do(key, o, begun, j) })
	return j, 0
}

// do works on a job. Its answer is told to nobody before it is on the disk.
func (s *service) do(key string, o order, again bool, j *job) {
	told, err := s.provider.Do(s.work, key, o, again)
	if err == nil {
		err = s.ledger.write(entry{key, o.about, &told})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		j.answer = &told
	} else {
		log.Printf("%s: it is not known what has become of it: %v", key, err)
	}
	delete(s.jobs, key)
	close(j.done)
}
