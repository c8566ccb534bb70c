package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// A club imitates the client library of a provider. It has no idempotency keys, but every reference is
// unique.
type club struct {
	takes time.Duration // time to process an application

	mu      sync.Mutex
	applied map[string]entry // by reference
	joined  map[string]int   // number of successful joins, by reference
}

// An application is a request to join, or to renew a membership.
type application struct {
	Reference, Group      string
	Renew                 bool
	Login, Password       string
	NewEmail, NewPassword string
}

// An entry is an application and the time at which the club has processed it.
type entry struct {
	application
	ready time.Time
}

// The errors of the library.
var (
	errNoReference = errors.New("there is no such reference")
	errTaken       = errors.New("the reference is taken")
	errMalformed   = errors.New("an application needs a reference, a login and a password")
)

func newClub(takes time.Duration) *club {
	return &club{takes: takes, applied: map[string]entry{}, joined: map[string]int{}}
}

// Join sends an application. It returns before the club has processed it.
func (c *club) Join(ctx context.Context, a application) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a.Reference == "" || a.Login == "" || a.Password == "" {
		return errMalformed
	}
	time.Sleep(time.Millisecond) // the network's time, in which another process may apply
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.applied[a.Reference]; taken {
		return errTaken
	}
	c.applied[a.Reference] = entry{a, time.Now().Add(c.takes)}
	c.joined[a.Reference]++
	return nil
}

// Look returns how an application ended, or "" if the club still processes it.
func (c *club) Look(ctx context.Context, reference string) (string, error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, found := c.applied[reference]
	switch {
	case !found:
		return "", errNoReference
	case time.Now().Before(e.ready):
		return "", nil
	}
	return e.end(), nil
}

// end is the result that the login names, such as "no seat" for no_seat@example.com.
func (e entry) end() string {
	local, _, _ := strings.Cut(e.Login, "@")
	end := strings.ReplaceAll(local, "_", " ")
	_, known := words[end]
	switch {
	case known:
		return end
	case e.Renew:
		return "renewed"
	}
	return "joined"
}
