package daemon

import (
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/keyseat/keyseat/tasks"
)

// The calls of the API. A parameter with this name selects the call; its value is the key, except
// for stock.
const (
	callInfo    = "info"
	callRenew   = string(tasks.Renew)
	callUpgrade = string(tasks.Upgrade)
	callStock   = "stock"
)

// The parameters of all calls. Other parameters are ignored.
var (
	calls  = []string{callInfo, callRenew, callUpgrade, callStock}
	known  = append(slices.Concat(calls, secret), "country")
	secret = []string{"login", "pwd", "newemail", "newpwd"}
)

// maxSize limits the URL, the headers and the body, each, in bytes.
const maxSize = 16 << 10

// A request is a parsed request: its call and its parameters.
type request struct {
	Call   string
	values url.Values
}

func isText(values url.Values) bool {
	for name, texts := range values {
		if !utf8.ValidString(name) || slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) }) {
			return false
		}
	}
	return true
}

// parse parses a request. If the request is invalid, it returns an answer that says why.
func parse(r *http.Request) (request, *answer) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault(http.StatusBadRequest, "The query cannot be parsed")
	}
	body, a := parseBody(r)
	if a != nil {
		return request{}, a
	}
	for _, name := range known {
		switch {
		case !body.Has(name):
		case query.Has(name):
			return fault(http.StatusBadRequest, "The parameter "+name+" stands in the query and in the body")
		case r.Method != http.MethodPost:
			return fault(http.StatusBadRequest, "A body with parameters needs POST")
		}
	}
	text := isText(query) && isText(body)
	maps.Copy(query, body) // only one of the two has values for a known parameter
	call, n := called(query)
	switch {
	case n != 1:
		return fault(http.StatusBadRequest, "Exactly one of info, renew, upgrade and stock must be named")
	case !text:
		return fault(http.StatusBadRequest, "The parameters are not UTF-8 text")
	case slices.ContainsFunc(known, func(name string) bool { return differ(query[name]) }):
		return fault(http.StatusBadRequest, "A parameter is given twice with different values")
	}
	return request{call, query}, nil
}

func fault(code int, message string) (request, *answer) {
	a := wrong(code, message)
	return request{}, &a
}

// called returns how many calls the parameters name, and the name of a call.
func called(values url.Values) (call string, n int) {
	for _, name := range calls {
		if values.Has(name) {
			call, n = name, n+1
		}
	}
	return call, n
}

func differ(values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return v != values[0] })
}

// parseBody parses the form in the body of a request. If the body is invalid, it returns an answer.
func parseBody(r *http.Request) (url.Values, *answer) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxSize))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		_, a := fault(http.StatusRequestEntityTooLarge, "The body is too large")
		return nil, a
	}
	if err != nil {
		_, a := fault(http.StatusBadRequest, "The body cannot be read")
		return nil, a
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); len(text) > 0 && (err != nil || kind != "application/x-www-form-urlencoded") {
		_, a := fault(http.StatusUnsupportedMediaType, "The body must be application/x-www-form-urlencoded")
		return nil, a
	}
	values, err := url.ParseQuery(string(text))
	if err != nil {
		_, a := fault(http.StatusBadRequest, "The body cannot be parsed")
		return nil, a
	}
	return values, nil
}

// names reports whether the query has one of the given parameters, even if the rest of the query is
// malformed.
func names(r *http.Request, calls ...string) bool {
	for pair := range strings.FieldsFuncSeq(r.URL.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err == nil && slices.Contains(calls, name) {
			return true
		}
	}
	return false
}

// prefetched reports whether the request is a browser's prefetch.
func prefetched(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose"} {
		if strings.Contains(strings.ToLower(strings.Join(r.Header.Values(name), ",")), "prefetch") {
			return true
		}
	}
	return false
}
