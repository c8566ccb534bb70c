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
	maxSessions = 1000
	maxAge      = 12 * time.Hour // since sign-in
	maxIdle     = 2 * time.Hour
)

// A session is a browser that has signed in with a token.
type session struct {
	id    string // the cookie's value
	token tasks.Secret
	form  string // a secret in every form of the session; pages of other sites cannot know it
	began time.Time

	mu   sync.Mutex
	seen time.Time
	note string // message for the next page
}

// tell stores a message for the next page.
func (s *session) tell(note string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note = note
}

// told returns the stored message and clears it.
func (s *session) told() (note string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	note, s.note = s.note, ""
	return note
}

// sent reports whether form is the session's own form secret. It compares in constant time.
func (s *session) sent(form string) bool {
	return subtle.ConstantTimeCompare([]byte(form), []byte(s.form)) == 1
}

// fresh reports whether the session is still valid at now. If it is, fresh records the use.
func (s *session) fresh(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.began) > maxAge || now.Sub(s.seen) > maxIdle {
		return false
	}
	s.seen = now
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

// begin creates a session for an operator with the given token.
func (s *sessions) begin(token string) *session {
	now := s.now()
	fresh := &session{id: rand.Text(), form: rand.Text(), token: tasks.NewSecret(token), began: now, seen: now}
	s.all.Add(sha256.Sum256([]byte(fresh.id)), fresh)
	return fresh
}

// find returns the session with the given id. It returns nil if the session does not exist or has expired.
func (s *sessions) find(id string) *session {
	found, is := s.all.Get(sha256.Sum256([]byte(id)))
	if !is {
		return nil
	}
	if !found.fresh(s.now()) {
		s.end(found)
		return nil
	}
	return found
}

func (s *sessions) end(over *session) { s.all.Remove(sha256.Sum256([]byte(over.id))) }
