package console

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/ratelimit"
)

// ProxyUsers let operators sign in through a proxy that has authenticated them. The console believes the headers only
// if the request comes from one of the trusted proxies.
type ProxyUsers struct {
	UserHeader   string // names the operator
	GroupsHeader string // names the groups of the operator, with commas between them
	Roles        []GroupRole
}

// A GroupRole is the role of the operators in a group. An operator in several groups has the role that comes first.
type GroupRole struct {
	Group string // "*" for every operator
	Role  admin.Role
}

// proxyUserPrefix distinguishes the names of such operators from those of tokens, in the history and in the audit log.
const proxyUserPrefix = "proxy:"

// proxyUserPattern matches the names that an operator can have.
var proxyUserPattern = regexp.MustCompile(`^[!-~]{1,64}$`)

// proxyToken returns a token without a secret for the operator that a trusted proxy names, or the zero Token. The error
// is a page if the operator has no role.
func (r *request) proxyToken() (admin.Token, error) {
	names := r.req.Header.Values(r.ProxyUsers.UserHeader)
	if r.ProxyUsers.UserHeader == "" || len(names) == 0 || !ratelimit.FromProxy(r.req, r.Proxies) {
		return admin.Token{}, nil
	}
	if len(names) > 1 || !proxyUserPattern.MatchString(names[0]) {
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
			return admin.Token{Name: proxyUserPrefix + names[0], Role: g.Role}, nil
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
		found = r.sessions.start("")
		found.proxyUser = token.Name
		r.setCookie(found.id, int(sessionMaxAge.Seconds()))
		r.audit("sign in", token)
	}
	r.session, r.token = found, token
	return true, nil
}
