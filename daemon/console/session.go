package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/keyseat/keyseat/tasks"
)

// The limits of sessions. If there are more than maxSessions, the least recently used one ends.
const (
	maxSessions    = 1000
	sessionMaxAge  = 12 * time.Hour // since sign-in
	sessionMaxIdle = 2 * time.Hour
)

// A session is a browser that has signed in with a token.
type session struct {
	id         string // the cookie's value
	token      tasks.Secret
	formSecret string // a secret in every form of the session; pages of other sites cannot know it
	proxyUser  string // the operator's name, if a proxy has authenticated the operator; then there is no token
	startedAt  time.Time

	mu       sync.Mutex
	lastUsed time.Time
	note     string // message for the next page
}

// setNote stores a message for the next page.
func (s *session) setNote(note string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note = note
}

// takeNote returns the stored message and clears it.
func (s *session) takeNote() (note string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	note, s.note = s.note, ""
	return note
}

// isFormSecret reports whether form is the session's own form secret. It compares in constant time.
func (s *session) isFormSecret(form string) bool {
	return subtle.ConstantTimeCompare([]byte(form), []byte(s.formSecret)) == 1
}

// check reports whether the session is still valid at now. If it is, and a person uses it, check records the use.
func (s *session) check(now time.Time, byPerson bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.startedAt) > sessionMaxAge || now.Sub(s.lastUsed) > sessionMaxIdle {
		return false
	}
	if byPerson {
		s.lastUsed = now
	}
	return true
}

// sessions holds the sessions in memory only, so they end when the daemon restarts. It finds a session by
// the hash of its id. Therefore the time of a lookup reveals nothing about valid ids. It is safe for
// concurrent use.
type sessions struct {
	now func() time.Time
	all *lru.Cache[[sha256.Size]byte, *session]
}

func newSessions(now func() time.Time) (*sessions, error) {
	all, err := lru.New[[sha256.Size]byte, *session](maxSessions)
	return &sessions{now, all}, err
}

// start creates a session for an operator with the given token.
func (s *sessions) start(token string) *session {
	now := s.now()
	started := &session{id: rand.Text(), formSecret: rand.Text(), token: tasks.NewSecret(token), startedAt: now, lastUsed: now}
	s.all.Add(sha256.Sum256([]byte(started.id)), started)
	return started
}

// find returns the session with the given id. It returns nil if the session does not exist or has expired. A request
// that no person has caused does not prolong the session.
func (s *sessions) find(id string, byPerson bool) *session {
	found, is := s.all.Get(sha256.Sum256([]byte(id)))
	if !is {
		return nil
	}
	if !found.check(s.now(), byPerson) {
		s.end(found)
		return nil
	}
	return found
}

func (s *sessions) end(ended *session) { s.all.Remove(sha256.Sum256([]byte(ended.id))) }
