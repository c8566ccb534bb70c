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

// The bounds of sessions: past the number the one longest unused ends.
const (
	maxSessions = 1000
	maxAge      = 12 * time.Hour // since the token was shown
	maxIdle     = 2 * time.Hour
)

// A session is a browser whose user has shown a token.
type session struct {
	id    string // the cookie's value
	token tasks.Secret
	form  string // is in every form of the session, because nobody else's page can know it
	began time.Time

	mu   sync.Mutex
	seen time.Time
	note string // for the next page
}

// tell leaves a note for the next page.
func (s *session) tell(note string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note = note
}

// told takes the note.
func (s *session) told() (note string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	note, s.note = s.note, ""
	return note
}

// sent says whether a form is the session's own.
func (s *session) sent(form string) bool {
	return subtle.ConstantTimeCompare([]byte(form), []byte(s.form)) == 1
}

// fresh says whether the session is still good at that time, and notes that it was used.
func (s *session) fresh(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.began) > maxAge || now.Sub(s.seen) > maxIdle {
		return false
	}
	s.seen = now
	return true
}

// sessions are in memory alone: a daemon that starts knows none. They are found by the hash of their
// ids, so that how long a look takes tells nothing of an id. Any number of goroutines may use them.
type sessions struct {
	now func() time.Time
	all *lru.Cache[[sha256.Size]byte, *session]
}

func newSessions(now func() time.Time) (*sessions, error) {
	all, err := lru.New[[sha256.Size]byte, *session](maxSessions)
	return &sessions{now, all}, err
}

// begin opens a session for the bearer of a token.
func (s *sessions) begin(token string) *session {
	now := s.now()
	fresh := &session{id: rand.Text(), form: rand.Text(), token: tasks.NewSecret(token), began: now, seen: now}
	s.all.Add(sha256.Sum256([]byte(fresh.id)), fresh)
	return fresh
}

// find gives the session with that id, nil if there is none any more.
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
