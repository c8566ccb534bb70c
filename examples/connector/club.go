package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// A club stands for the client library of a provider. It has no idempotency keys, but references that
// are unique.
type club struct {
	takes time.Duration // to deal with an application

	mu      sync.Mutex
	applied map[string]entry // by reference
	joined  map[string]int   // how often, by reference
}

// An application asks to join, or to renew.
type application struct {
	Reference, Group      string
	Renew                 bool
	Login, Password       string
	NewEmail, NewPassword string
}

// An entry is an application and when it will have been dealt with.
type entry struct {
	application
	ready time.Time
}

// What the library says.
var (
	errNoReference = errors.New("there is no such reference")
	errTaken       = errors.New("the reference is taken")
	errMalformed   = errors.New("an application needs a reference, a login and a password")
)

func newClub(takes time.Duration) *club {
	return &club{takes: takes, applied: map[string]entry{}, joined: map[string]int{}}
}

// Join applies. It returns before the application has been dealt with.
func (c *club) Join(ctx context.Context, a application) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a.Reference == "" || a.Login == "" || a.Password == "" {
		return errMalformed
	}
	time.Sleep(time.Millisecond) // on its way: another may apply meanwhile
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.applied[a.Reference]; taken {
		return errTaken
	}
	c.applied[a.Reference] = entry{a, time.Now().Add(c.takes)}
	c.joined[a.Reference]++
	return nil
}

// Look tells how an application has ended, "" if it has not.
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

// end is what the login asks for, such as no_seat@example.com.
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
