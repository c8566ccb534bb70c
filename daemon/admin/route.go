package admin

import (
	_ "embed" // for the documents
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/tasks"
)

var routes = []route{
	{http.MethodGet, "/openapi.json", "", document(adminDocument)},
	{http.MethodGet, "/public-openapi.json", "", document(publicDocument)},

	{http.MethodGet, "/keys", Read, (*call).listKeys},
	{http.MethodPost, "/keys", Write, (*call).issueKeys},
	{http.MethodGet, "/keys/{code}", Read, (*call).showKey},
	{http.MethodPost, "/keys/{code}/revoke", Write, mutateKey(tasks.Revoke)},
	{http.MethodPost, "/keys/{code}/restore", Write, mutateKey(tasks.Restore)},
	{http.MethodPost, "/keys/{code}/reset", Write, mutateKey(tasks.Reset)},

	{http.MethodGet, "/plans", Read, (*call).listPlans},
	{http.MethodPut, "/plans/{id}", Write, (*call).editPlan},
	{http.MethodPost, "/plans/{id}/retire", Write, (*call).retirePlan},

	{http.MethodGet, "/tasks", Read, (*call).listTasks},
	{http.MethodGet, "/tasks/{id}", Read, (*call).showTask},
	{http.MethodPost, "/tasks/{id}/retry", Support, (*call).retryTask},
	{http.MethodPost, "/tasks/{id}/resolve", Support, (*call).resolveTask},
	{http.MethodPost, "/tasks/{id}/release", Write, (*call).releaseTask},

	{http.MethodGet, "/activity", Read, (*call).listActivity},
	{http.MethodGet, "/search", Read, (*call).search},
	{http.MethodGet, "/stock", Read, (*call).stock},
}

// Routes lists every operation as its method and path, such as "GET /admin/v1/keys/{code}".
func Routes() (all []string) {
	for _, r := range routes {
		all = append(all, r.String())
	}
	return all
}

// match returns the routes of a path, which differ in their methods, and the variable segment of the path. It compares
// escaped paths, so that an escaped slash in a code does not end the segment.
func match(escaped string) (matching []route, variable string) {
	path, below := strings.CutPrefix(escaped, base)
	if !below {
		return nil, ""
	}
	for _, r := range routes {
		if v, fits := r.match(path); fits {
			matching, variable = append(matching, r), v
		}
	}
	return matching, variable
}

func (r route) match(path string) (variable string, fits bool) {
	want, got := strings.Split(r.pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return "", false
	}
	for i := range want {
		text, err := url.PathUnescape(got[i])
		isVariable := strings.HasPrefix(want[i], "{")
		if err != nil || isVariable && text == "" || !isVariable && text != want[i] {
			return "", false
		}
		if isVariable {
			variable = text
		}
	}
	return variable, true
}

// selectMethod returns the route for a method. HEAD counts as GET; the response to it has no body.
func selectMethod(matching []route, method string) (route, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	i := slices.IndexFunc(matching, func(r route) bool { return r.method == method })
	if i < 0 {
		return route{}, false
	}
	return matching[i], true
}

func allowedMethods(matching []route) (all []string) {
	for _, r := range matching {
		all = append(all, r.method)
		if r.method == http.MethodGet {
			all = append(all, http.MethodHead)
		}
	}
	return all
}

// The OpenAPI documents are written by hand. The tests check every response against them.
var (
	//go:embed openapi.json
	adminDocument []byte
	//go:embed public-openapi.json
	publicDocument []byte
)

// document returns the operation that serves a document. The operation needs no token, because the description of the API
// is not secret.
func document(text []byte) func(*call) (response, error) {
	return func(*call) (response, error) { return okResponse(json.RawMessage(text), nil) }
}
