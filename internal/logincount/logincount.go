// Package logincount counts tests of logins in memory, for stores that one process uses.
package logincount

import (
	"maps"
	"sync"
	"time"
)

// A Counter counts tests of logins. A test is a task with a key and with a login that the provider may have checked.
// Set the exported fields before the first use. A Counter is safe for concurrent use.
type Counter struct {
	Now    func() time.Time
	Window time.Duration // the period in which the tests of a login are counted; it starts with the first test
	PerKey time.Duration // how long the counter remembers a login of a key after the last test of the login with the key

	mu     sync.Mutex
	logins map[string]window
	keys   map[string]map[string]time.Time // per key: when each of its logins is forgotten
	sweep  time.Time                       // when expired counts are deleted next
}

type window struct {
	tests int
	ends  time.Time
}

// Count counts a test of a login with a key. It returns the number of tests of the login in its window, and the number
// of different logins of the key.
func (c *Counter) Count(login, key string) (tests, logins int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Now()
	c.deleteExpired(now)
	w, found := c.logins[login]
	if !found || !now.Before(w.ends) {
		w = window{ends: now.Add(c.Window)}
	}
	w.tests++
	c.logins[login] = w
	if c.keys[key] == nil {
		c.keys[key] = map[string]time.Time{}
	}
	c.keys[key][login] = now.Add(c.PerKey)
	for _, until := range c.keys[key] {
		if now.Before(until) {
			logins++
		}
	}
	return w.tests, logins
}

// Release subtracts a test of a login with a key. If all is true, it deletes the count of all tests of the login, and
// removes the login from the logins of the key.
func (c *Counter) Release(login, key string, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if all {
		delete(c.keys[key], login)
	}
	w, found := c.logins[login]
	switch {
	case !found:
	case all || w.tests <= 1:
		delete(c.logins, login)
	default:
		w.tests--
		c.logins[login] = w
	}
}

// deleteExpired deletes the expired counts, at most once per Window. The caller holds the lock.
func (c *Counter) deleteExpired(now time.Time) {
	if now.Before(c.sweep) && c.logins != nil {
		return
	}
	if c.logins == nil {
		c.logins, c.keys = map[string]window{}, map[string]map[string]time.Time{}
	}
	c.sweep = now.Add(c.Window)
	maps.DeleteFunc(c.logins, func(_ string, w window) bool { return !now.Before(w.ends) })
	maps.DeleteFunc(c.keys, func(_ string, logins map[string]time.Time) bool {
		maps.DeleteFunc(logins, func(_ string, until time.Time) bool { return !now.Before(until) })
		return len(logins) == 0
	})
}
