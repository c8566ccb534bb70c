package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// A provider imitates the client library of a provider. It has no idempotency keys, but it refuses a second request
// with the same reference.
type provider struct {
	duration time.Duration // time to process a request

	mu       sync.Mutex
	requests map[string]submitted // by reference
	joined   map[string]int       // number of accepted requests, by reference
}

// A joinRequest is a request to join, or to renew a membership.
type joinRequest struct {
	Reference, Group      string
	Renew                 bool
	Login, Password       string
	NewEmail, NewPassword string
}

// submitted is a request, with the time at which the provider has processed the request.
type submitted struct {
	joinRequest
	ready time.Time
}

// The errors of the library.
var (
	errNoReference = errors.New("there is no such reference")
	errDuplicate   = errors.New("the reference exists already")
	errInvalid     = errors.New("a request needs a reference, a login and a password")
)

func newProvider(duration time.Duration) *provider {
	return &provider{duration: duration, requests: map[string]submitted{}, joined: map[string]int{}}
}

// Submit sends a request. It returns before the provider has processed it.
func (p *provider) Submit(ctx context.Context, r joinRequest) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r.Reference == "" || r.Login == "" || r.Password == "" {
		return errInvalid
	}
	time.Sleep(time.Millisecond) // the delay of the network; another process may submit the same reference meanwhile
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, found := p.requests[r.Reference]; found {
		return errDuplicate
	}
	p.requests[r.Reference] = submitted{r, time.Now().Add(p.duration)}
	p.joined[r.Reference]++
	return nil
}

// Status returns how a request ended, or "" if the provider still processes it.
func (p *provider) Status(ctx context.Context, reference string) (string, error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r, found := p.requests[reference]
	switch {
	case !found:
		return "", errNoReference
	case time.Now().Before(r.ready):
		return "", nil
	}
	return r.result(), nil
}

// results lists the results of a request.
var results = []string{"joined", "renewed", "wrong password", "account blocked", "no seat", "is a member", "not expired"}

// result returns the result that the login names, such as "no seat" for no_seat@example.com.
func (r submitted) result() string {
	local, _, _ := strings.Cut(r.Login, "@")
	result := strings.ReplaceAll(local, "_", " ")
	switch {
	case slices.Contains(results, result):
		return result
	case r.Renew:
		return "renewed"
	}
	return "joined"
}
