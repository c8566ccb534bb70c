package daemon

import (
	"context"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
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
	calls        = []string{callInfo, callRenew, callUpgrade, callStock}
	knownParams  = append(slices.Concat(calls, secretParams), "country")
	secretParams = []string{"login", "pwd", "newemail", "newpwd"}
)

// maxSize limits the URL, the headers and the body, each, in bytes.
const maxSize = 16 << 10

// precheck checks a request before it is parsed. If the request is invalid, it returns a response.
func precheck(r *http.Request, postOnly bool) *response {
	allow := checkMethod(r, postOnly)
	switch {
	case r.URL.Path != "/API/" && r.URL.Path != "/API":
		return invalid(http.StatusNotFound, "There is nothing here, the API is at /API/")
	case allow != "":
		resp := methodNotAllowed(allow)
		return &resp
	case len(r.RequestURI) > maxSize:
		return invalid(http.StatusRequestURITooLong, "The URL is too long")
	case headerSize(r.Header) > maxSize:
		return invalid(http.StatusRequestHeaderFieldsTooLarge, "The headers are too large")
	}
	return nil
}

// The methods that a call allows.
var (
	readMethods   = []string{http.MethodGet, http.MethodHead, http.MethodPost}
	changeMethods = []string{http.MethodGet, http.MethodPost}
	postMethods   = []string{http.MethodPost}
)

// checkMethod returns "" if the call allows the request's method, and otherwise the allowed methods.
func checkMethod(r *http.Request, postOnly bool) (allow string) {
	allowed := readMethods
	if queryNames(r, callUpgrade, callRenew) {
		allowed = changeMethods
		if postOnly {
			allowed = postMethods
		}
	}
	if slices.Contains(allowed, r.Method) {
		return ""
	}
	return strings.Join(allowed, ", ")
}

func headerSize(h http.Header) int {
	size := 0
	for name, values := range h {
		for _, value := range values {
			size += len(name) + len(value) + len(": \r\n")
		}
	}
	return size
}

// A request is a parsed request: its call and its parameters.
type request struct {
	Call   string
	values url.Values
}

// parse parses a request. If the request is invalid, it returns a response with the reason.
func parse(r *http.Request) (request, *response) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return request{}, badRequest("The query cannot be parsed")
	}
	body, resp := parseBody(r)
	if resp != nil {
		return request{}, resp
	}
	for _, name := range knownParams {
		switch {
		case !body.Has(name):
		case query.Has(name):
			return request{}, badRequest("The parameter " + name + " stands in the query and in the body")
		case r.Method != http.MethodPost:
			return request{}, badRequest("A body with parameters needs POST")
		}
	}
	text := isText(query) && isText(body)
	maps.Copy(query, body) // only one of the two has values for a known parameter
	call, n := callsNamed(query)
	switch {
	case n != 1:
		return request{}, badRequest("Exactly one of info, renew, upgrade and stock must be named")
	case !text:
		return request{}, badRequest("The parameters are not UTF-8 text")
	case slices.ContainsFunc(knownParams, func(name string) bool { return conflicting(query[name]) }):
		return request{}, badRequest("A parameter is given twice with different values")
	}
	return request{call, query}, nil
}

func badRequest(text string) *response { return invalid(http.StatusBadRequest, text) }

func invalid(code int, text string) *response {
	resp := errorResponse(code, text)
	return &resp
}

// callsNamed returns how many calls the parameters name, and the name of a call.
func callsNamed(values url.Values) (call string, n int) {
	for _, name := range calls {
		if values.Has(name) {
			call, n = name, n+1
		}
	}
	return call, n
}

func conflicting(values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return v != values[0] })
}

func isText(values url.Values) bool {
	for name, texts := range values {
		if !utf8.ValidString(name) || slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) }) {
			return false
		}
	}
	return true
}

// parseBody parses the form in the body of a request. If the body is invalid, it returns a response.
func parseBody(r *http.Request) (url.Values, *response) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxSize))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, invalid(http.StatusRequestEntityTooLarge, "The body is too large")
	}
	if err != nil {
		return nil, badRequest("The body cannot be read")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); len(text) > 0 && (err != nil || kind != "application/x-www-form-urlencoded") {
		return nil, invalid(http.StatusUnsupportedMediaType, "The body must be application/x-www-form-urlencoded")
	}
	values, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, badRequest("The body cannot be parsed")
	}
	return values, nil
}

// queryNames reports whether the query has one of the given parameters, even if the rest of the query
// is malformed.
func queryNames(r *http.Request, params ...string) bool {
	for pair := range strings.FieldsFuncSeq(r.URL.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err == nil && slices.Contains(params, name) {
			return true
		}
	}
	return false
}

// isPrefetch reports whether the request is a browser's prefetch.
func isPrefetch(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose"} {
		if strings.Contains(strings.ToLower(strings.Join(r.Header.Values(name), ",")), "prefetch") {
			return true
		}
	}
	return false
}

// A lazyDeadline is a context like that of [context.WithDeadline], but its timer starts only when a
// caller begins to wait for its end. Most requests are answered immediately, so that no caller waits
// and no timer is needed. That saves an eighth of the handler's time for an info request.
type lazyDeadline struct {
	context.Context // the context of the request
	at              time.Time

	mu       sync.Mutex
	timed    context.Context // nil: no caller has waited yet
	end      context.CancelFunc
	canceled bool
}

func newLazyDeadline(ctx context.Context, d time.Duration) *lazyDeadline {
	return &lazyDeadline{Context: ctx, at: time.Now().Add(d)}
}

// Deadline implements [context.Context].
func (d *lazyDeadline) Deadline() (at time.Time, has bool) {
	if at, has := d.Context.Deadline(); has && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done implements [context.Context].
func (d *lazyDeadline) Done() <-chan struct{} { return d.start().Done() }

// Err implements [context.Context].
func (d *lazyDeadline) Err() error {
	d.mu.Lock()
	running := d.timed == nil && !d.canceled && d.Context.Err() == nil && time.Now().Before(d.at)
	d.mu.Unlock()
	if running {
		return nil
	}
	return d.start().Err()
}

func (d *lazyDeadline) start() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.end = context.WithDeadline(d.Context, d.at)
	}
	if d.canceled {
		d.end()
	}
	return d.timed
}

// cancel ends the context immediately, as a [context.CancelFunc] does.
func (d *lazyDeadline) cancel() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.canceled = true; d.end != nil {
		d.end()
	}
}
