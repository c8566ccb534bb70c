package console

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/keys"
)

// proxyUserPattern matches the names that an operator can have. It is compiled at its first use, because this is slow.
var proxyUserPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[!-~]{1,64}$`) })

// proxyToken returns a token without a secret for the operator that a trusted proxy names, or the zero Token. The error
// is a [pageError] if the headers do not name exactly one operator, or if the operator has no role.
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
			return admin.Token{Name: "proxy:" + names[0], Role: g.Role}, nil // cannot be the name of a token in the file, because such names have no colon
		}
	}
	which := "the proxy named no group of yours"
	if len(groups) > 1 {
		which = fmt.Sprintf("none of your groups (%s) has a role in this console", strings.Join(groups[1:], ", "))
	}
	return admin.Token{}, pageError{http.StatusForbidden, "You have no role here", fmt.Sprintf("You are signed in as %s, but %s. To use another account, sign out at the proxy.", names[0], which)}
}

// authenticateByProxy finds or starts the session of the operator that a trusted proxy names. It returns false if no
// proxy names an operator. The refresh of an open page starts no session, because it is no sign-in of a person.
func (r *request) authenticateByProxy() (bool, error) {
	token, err := r.proxyToken()
	if err != nil || token.Role == "" {
		return false, err
	}
	found := r.cookieSession()
	switch {
	case found != nil && found.proxyUser == token.Name:
	case r.isRefresh(): // an open page signs nobody in: the session of this response is not stored
		found = r.newSession("")
		found.proxyUser = token.Name
	default:
		found = r.startSession("")
		found.proxyUser = token.Name
		r.setCookie(found.id, int(sessionMaxAge.Seconds()))
		r.audit("sign in", token)
	}
	r.session, r.token = found, token
	return true, nil
}

type signInBody struct {
	Message string // why a token was refused
	Link    bool   // the script takes a token from the page's address
}

func (r *request) showSignIn(status int, message string) error {
	return r.render(status, page{"signin", "Sign in", "", signInBody{message, r.SignInLink}})
}

// signIn starts a session for a valid token. The number of wrong tokens is limited per client address. Tokens are too
// long to guess, so this limit only reduces the log lines of repeated attempts. A valid token is always accepted, because
// several operators may have the same address.
func (r *request) signIn() error {
	text := keys.Trim(r.req.PostFormValue("token"))
	token, err := r.Tokens.Find(text)
	if err != nil {
		return err
	}
	if token.Role == "" {
		if wait := r.guesses.Record(r.req.Context(), r.client()); wait > 0 {
			r.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
			return r.showSignIn(http.StatusTooManyRequests, "Too many wrong tokens were sent from your address. Try again in a minute.")
		}
		r.logDenied()
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
