package connectortest

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An Effect is the work that the provider has done for one idempotency key. If the outcome is success, the work took a
// slot of the plan.
type Effect struct {
	Key     string        `json:"key"`
	Task    string        `json:"task"`
	Kind    tasks.Kind    `json:"kind"`
	Plan    string        `json:"plan,omitempty"` // its id
	Login   string        `json:"login"`
	Outcome tasks.Outcome `json:"outcome"` // the first outcome
	Body    string        `json:"body"`    // the SHA-256 of the body of the request, in hexadecimal
	Count   int           `json:"-"`       // how often the work was done: more than once is an error
}

// A ledger records the requests that a provider has received, and their effects.
type ledger struct {
	mu         sync.Mutex
	file       *os.File // the file of requests and effects; nil: requests are kept in memory
	requests   []Request
	attempts   map[string]int     // by key, the number of requests
	bodies     map[string]string  // by key, the hash of the first request's body
	plans      map[string]string  // by task and plan, the key of the first request
	effects    map[string]*Effect // by key
	violations []error
}

// open reads the effects in a file. Later requests and effects are appended to the file.
func (l *ledger) open(path string) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return err
	}
	for line, err := range ReadLedger(path) {
		if err != nil {
			return err
		}
		if line.Effect != nil {
			l.addEffect(*line.Effect)
		}
	}
	return nil
}

// record records a request, and err if the request is invalid. It returns the number of the request among the requests
// with the same key, from 1.
func (l *ledger) record(q Request, err error) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.violations = append(l.violations, err)
	}
	if l.file == nil {
		l.requests = append(l.requests, q)
	} else {
		l.write(Line{Request: q.line()})
	}
	set(&l.attempts, q.Key(), l.attempts[q.Key()]+1)
	plan := q.Content.Task + " " + q.Content.Plan.ID
	if key, known := l.plans[plan]; known && key != q.Key() {
		l.violations = append(l.violations, fmt.Errorf("%s and %s are for the same task and plan", key, q.Key()))
	}
	set(&l.plans, plan, q.Key())
	switch first, known := l.bodies[q.Key()]; {
	case !known:
		set(&l.bodies, q.Key(), q.hash())
	case first != q.hash():
		l.violations = append(l.violations, fmt.Errorf("%s came with another body", q.Key()))
	}
	return l.attempts[q.Key()]
}

// carryOut returns the outcome of the work for a request's key. If the work has not been done before, carryOut does it
// with the given outcome.
func (l *ledger) carryOut(q Request, outcome tasks.Outcome) tasks.Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.effects[q.Key()]; e != nil {
		return e.Outcome
	}
	c := q.Content
	e := Effect{
		Key: q.Key(), Task: c.Task, Kind: c.Kind, Plan: c.Plan.ID,
		Login: c.Account.Login.Reveal(), Outcome: outcome, Body: q.hash(),
	}
	l.addEffect(e)
	if l.file != nil {
		l.write(Line{Effect: &e})
	}
	return outcome
}

// write appends a line to the file in one write, so that a killed process leaves no partial line. The caller holds mu.
func (l *ledger) write(line Line) {
	line.At = time.Now()
	text, err := json.Marshal(line)
	if err == nil {
		_, err = l.file.Write(append(text, '\n'))
	}
	if err != nil {
		l.violations = append(l.violations, err)
	}
}

func (l *ledger) addEffect(e Effect) {
	if l.effects[e.Key] == nil {
		set(&l.effects, e.Key, &e)
		set(&l.bodies, e.Key, e.Body)
	}
	l.effects[e.Key].Count++
}

// check returns the violations of the protocol that the ledger shows, or nil.
func (l *ledger) check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	violations := slices.Clone(l.violations)
	succeeded := map[string]string{} // by task, the key whose work succeeded
	for key, e := range l.effects {
		if e.Count > 1 {
			violations = append(violations, fmt.Errorf("%s was done %d times", key, e.Count))
		}
		if e.Outcome != tasks.Success {
			continue
		}
		if other, found := succeeded[e.Task]; found {
			violations = append(violations, fmt.Errorf("%s and %s both succeeded", other, key))
		}
		succeeded[e.Task] = key
	}
	return errors.Join(violations...)
}

func set[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

// A Line is one line of the file that [Provider.RecordTo] writes: a received request, or an effect.
type Line struct {
	At      time.Time    `json:"at"`
	Request *RequestLine `json:"asked,omitempty"`
	Effect  *Effect      `json:"done,omitempty"`
}

// A RequestLine is the part of a request that the file keeps. Of the account it has only a hash and the login. It keeps
// the login because the login defines how the provider responds.
type RequestLine struct {
	Key     string        `json:"key"`
	Task    string        `json:"task"`
	Kind    tasks.Kind    `json:"kind"`
	Country stock.Country `json:"country"`
	Plan    string        `json:"plan,omitempty"` // its id
	Attempt int           `json:"attempt"`
	Login   string        `json:"login"`
	Account string        `json:"account"` // the result of [HashAccount]
	Body    string        `json:"body"`    // the SHA-256 of the body of the request, in hexadecimal
}

func (q Request) line() *RequestLine {
	c := q.Content
	return &RequestLine{
		Key: q.Key(), Task: c.Task, Kind: c.Kind, Country: c.Country, Plan: c.Plan.ID, Attempt: c.Attempt,
		Login: c.Account.Login.Reveal(), Account: HashAccount(c.Account), Body: q.hash(),
	}
}

// HashAccount returns the SHA-256 of an account, in hexadecimal. The hash shows only whether two accounts are equal.
func HashAccount(a tasks.Account) string {
	sum := sha256.New()
	for _, secret := range a.Secrets() {
		sum.Write([]byte(secret.Reveal() + "\x00"))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// ReadLedger reads a file that [Provider.RecordTo] has written, line by line. The iteration ends after the first error.
func ReadLedger(path string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(Line{}, err)
			return
		}
		defer func() { _ = file.Close() }() // the file was only read
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			var l Line
			if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
				yield(Line{}, fmt.Errorf("the ledger %s: %w", path, err))
				return
			}
			if !yield(l, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Line{}, err)
		}
	}
}
