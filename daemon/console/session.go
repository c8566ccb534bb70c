package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/keys"
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

const cookieName = "keyseat_console"

// cookieName returns the name of the session's cookie. Over TLS, its prefix makes browsers refuse a cookie of that
// name from another host, or without Secure.
func (r *request) cookieName() string {
	if r.encrypted() {
		return "__Host-" + cookieName
	}
	return cookieName
}

// A signInBody is the content of the sign-in page.
type signInBody struct {
	Message string // why a token was refused
	Link    bool   // the script takes a token from the page's address
}

// signInPage shows the form for the token.
func (r *request) signInPage() error { return r.showSignIn(http.StatusOK, "") }

func (r *request) showSignIn(status int, message string) error {
	return r.render(status, page{"signin", "Sign in", "", signInBody{message, r.SignInLink}})
}

// signIn opens a session for a valid token. Wrong tokens are limited per client address. Tokens are too
// long to guess, so the limit only keeps repeated attempts from making noise.
func (r *request) signIn() error {
	client := r.client()
	if wait := r.guesses.Blocked(client); wait > 0 {
		r.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return r.showSignIn(http.StatusTooManyRequests, "Too many wrong tokens were sent from your address. Try again in a minute.")
	}
	text := keys.Trim(r.req.PostFormValue("token"))
	token, err := r.Tokens.Find(text)
	if err != nil {
		return err
	}
	r.logSignIn(token)
	if token.Role == "" {
		r.guesses.Record(r.req.Context(), client)
		return r.showSignIn(http.StatusForbidden, "Unknown token.")
	}
	if before := r.cookieSession(); before != nil {
		r.sessions.end(before)
	}
	r.setCookie(r.sessions.start(text).id, int(sessionMaxAge.Seconds()))
	r.redirect("/")
	return nil
}

// logSignIn logs a sign-in or a failed attempt. The number of lines about failed attempts is limited.
func (r *request) logSignIn(token admin.Token) {
	if token.Role != "" {
		r.audit("sign in", token)
		return
	}
	client := r.client().String()
	attrs := []slog.Attr{slog.String("action", "sign in"), slog.String("token", "nobody"), slog.String("client", client)}
	r.deniedLog.Log(r.req.Context(), r.Log, loglimit.Event{Subject: client, Level: slog.LevelWarn, Message: "console", Attrs: attrs})
}

// signOut ends the session.
func (r *request) signOut() error {
	r.audit("sign out", r.token)
	r.sessions.end(r.session)
	r.setCookie("", -1)
	r.redirect("/console/signin")
	return nil
}

// setCookie sets the session cookie for the given number of seconds. A negative number deletes the cookie.
func (r *request) setCookie(id string, seconds int) {
	http.SetCookie(r.w, &http.Cookie{ //nolint:gosec // without TLS a Secure cookie would not come back
		Name: r.cookieName(), Value: id, Path: "/", MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.encrypted(),
	})
}

// encrypted reports whether the browser uses TLS, with the daemon or with a proxy. It trusts
// X-Forwarded-Proto. A client that forges this header only marks its own cookie as Secure, so its browser
// does not send the cookie back.
func (r *request) encrypted() bool {
	return r.req.TLS != nil || strings.EqualFold(r.req.Header.Get("X-Forwarded-Proto"), "https")
}
