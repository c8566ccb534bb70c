package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// proxyUserPattern matches the names that an operator can have. It is compiled at its first use, because each of its 64
// repetitions costs time.
var proxyUserPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[!-~]{1,64}$`) })

// proxyToken returns a token without a secret for the operator that a trusted proxy names, or the zero Token. The error
// is a page if the operator has no role.
func (r *request) proxyToken() (admin.Token, error) {
	names := r.req.Header.Values(r.ProxyUsers.UserHeader)
	if r.ProxyUsers.UserHeader == "" || len(names) == 0 || !ratelimit.FromProxy(r.req, r.Proxies) {
		return admin.Token{}, nil
	}
	if len(names) > 1 || !proxyUserPattern().MatchString(names[0]) {
		return admin.Token{}, pageError{http.StatusForbidden, "You cannot sign in", "The proxy did not name one operator."}
	}
	groups := []string{"*"}
	for _, value := range r.req.Header.Values(r.ProxyUsers.GroupsHeader) {
		for group := range strings.SplitSeq(value, ",") {
			groups = append(groups, strings.TrimSpace(group))
		}
	}
	for _, g := range r.ProxyUsers.Roles {
		if slices.Contains(groups, g.Group) {
			return admin.Token{Name: "proxy:" + names[0], Role: g.Role}, nil // no token of the file has such a name
		}
	}
	which := "the proxy named no group of yours"
	if len(groups) > 1 {
		which = fmt.Sprintf("none of your groups (%s) has a role in this console", strings.Join(groups[1:], ", "))
	}
	return admin.Token{}, pageError{http.StatusForbidden, "You have no role here", fmt.Sprintf("You are signed in as %s, but %s. To use another account, sign out at the proxy.", names[0], which)}
}

// authenticateByProxy finds or starts the session of the operator that a trusted proxy names. It returns false if no
// proxy names one.
func (r *request) authenticateByProxy() (bool, error) {
	token, err := r.proxyToken()
	if err != nil || token.Role == "" {
		return false, err
	}
	found := r.cookieSession()
	if found == nil || found.proxyUser != token.Name {
		found = r.startSession("")
		found.proxyUser = token.Name
		r.setCookie(found.id, int(sessionMaxAge.Seconds()))
		r.audit("sign in", token)
	}
	r.session, r.token = found, token
	return true, nil
}

// A signInBody is the content of the sign-in page.
type signInBody struct {
	Message string // why a token was refused
	Link    bool   // the script takes a token from the page's address
}

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
	if token.Role == "" {
		r.logDenied()
		r.guesses.Record(r.req.Context(), client)
		return r.showSignIn(http.StatusForbidden, "Unknown token.")
	}
	r.audit("sign in", token)
	if before := r.cookieSession(); before != nil {
		r.endSession(before)
	}
	r.setCookie(r.startSession(text).id, int(sessionMaxAge.Seconds()))
	r.redirect("/")
	return nil
}

// logDenied logs an attempt to sign in with a wrong token. The number of such lines is limited.
func (r *request) logDenied() {
	client := r.client().String()
	attrs := []slog.Attr{slog.String("action", "sign in"), slog.String("token", "nobody"), slog.String("client", client)}
	r.deniedLog.Log(r.req.Context(), r.Log, loglimit.Event{Subject: client, Level: slog.LevelWarn, Message: "console", Attrs: attrs})
}

func (r *request) signOut() error {
	r.audit("sign out", r.token)
	r.endSession(r.session)
	r.setCookie("", -1)
	r.redirect("/console/signin")
	return nil
}

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

	lastUsed atomic.Pointer[time.Time]
	note     atomic.Pointer[string] // message for the next page; nil: none
}

// isFormSecret reports whether form is the session's own form secret. It compares in constant time.
func (s *session) isFormSecret(form string) bool {
	return subtle.ConstantTimeCompare([]byte(form), []byte(s.formSecret)) == 1
}

// sessions holds the sessions by the hash of their ids. Therefore the time of a lookup reveals nothing about valid ids.
// It is in memory only, so the sessions end when the daemon restarts.
type sessions = lru.Cache[[sha256.Size]byte, *session]

// startSession creates a session for an operator with the given token.
func (c *Console) startSession(token string) *session {
	now := c.Now()
	started := &session{id: rand.Text(), formSecret: rand.Text(), token: tasks.NewSecret(token), startedAt: now}
	started.lastUsed.Store(&now)
	c.sessions.Add(sha256.Sum256([]byte(started.id)), started)
	return started
}

// findSession returns the session with the given id. It returns nil if the session does not exist or has expired. A
// request that no person has caused does not prolong the session.
func (c *Console) findSession(id string, byPerson bool) *session {
	found, is := c.sessions.Get(sha256.Sum256([]byte(id)))
	if !is {
		return nil
	}
	now := c.Now()
	if now.Sub(found.startedAt) > sessionMaxAge || now.Sub(*found.lastUsed.Load()) > sessionMaxIdle {
		c.endSession(found)
		return nil
	}
	if byPerson {
		found.lastUsed.Store(&now)
	}
	return found
}

func (c *Console) endSession(ended *session) { c.sessions.Remove(sha256.Sum256([]byte(ended.id))) }
