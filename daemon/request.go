package daemon

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/tasks"
)

// The calls of the API. A parameter with the name of a call selects the call. The value of that parameter is the key.
// The call stock has no key.
const (
	callInfo    = "info"
	callRenew   = string(tasks.Renew)
	callUpgrade = string(tasks.Upgrade)
	callStock   = "stock"
)

// The parameters of all calls together. The API ignores every other parameter.
var (
	calls        = []string{callInfo, callRenew, callUpgrade, callStock}
	knownParams  = append(slices.Concat(calls, secretParams), "country")
	secretParams = []string{"login", "pwd", "newemail", "newpwd"}
)

// maxSize is the maximum size in bytes of a URL. It is also the maximum of all headers of a request together, and of a
// body.
const maxSize = 16 << 10

// precheck checks a request before it is parsed. It returns nil, or the response to an invalid request.
func precheck(r *http.Request, postOnly bool) *response {
	allow := checkMethod(r, postOnly)
	switch {
	case r.URL.Path != "/API/" && r.URL.Path != "/API":
		return invalid(http.StatusNotFound, "There is nothing here, the API is at /API/")
	case allow != "":
		resp := invalid(http.StatusMethodNotAllowed, "The method is not allowed, use "+allow)
		resp.allow = allow
		return resp
	case len(r.RequestURI) > maxSize:
		return invalid(http.StatusRequestURITooLong, "The URL is too long")
	case headerSize(r.Header) > maxSize:
		return invalid(http.StatusRequestHeaderFieldsTooLarge, "The headers are too large")
	}
	return nil
}

// checkMethod returns "" if the call allows the request's method, and otherwise the allowed methods.
func checkMethod(r *http.Request, postOnly bool) (allow string) {
	allowed := []string{http.MethodGet, http.MethodHead, http.MethodPost}
	switch change := queryNames(r, callUpgrade, callRenew); {
	case change && postOnly:
		allowed = []string{http.MethodPost}
	case change:
		allowed = []string{http.MethodGet, http.MethodPost}
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

type request struct {
	Call   string
	values url.Values
}

// parse parses a request. For an invalid request, it returns a response with the reason.
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
	maps.Copy(query, body) // no known parameter has values in both
	call, named := "", 0
	for _, name := range calls {
		if query.Has(name) {
			call, named = name, named+1
		}
	}
	switch {
	case named != 1:
		return request{}, badRequest("Exactly one of info, renew, upgrade and stock must be named")
	case !text:
		return request{}, badRequest("The parameters are not UTF-8 text")
	case slices.ContainsFunc(knownParams, func(name string) bool { return conflicting(query[name]) }):
		return request{}, badRequest("A parameter is given twice with different values")
	}
	return request{call, query}, nil
}

func badRequest(text string) *response { return invalid(http.StatusBadRequest, text) }

func invalid(code int, text string) *response { return new(errorResponse(code, text)) }

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

// parseBody parses the form in the body of a request. For an invalid body, it returns a response with the reason.
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

// queryNames reports whether the query has one of the given parameters, even if the rest of the query is malformed.
func queryNames(r *http.Request, params ...string) bool {
	for pair := range strings.FieldsFuncSeq(r.URL.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err == nil && slices.Contains(params, name) {
			return true
		}
	}
	return false
}

func isPrefetch(r *http.Request) bool {
	purposes := slices.Concat(r.Header.Values("Sec-Purpose"), r.Header.Values("Purpose"))
	return strings.Contains(strings.ToLower(strings.Join(purposes, ",")), "prefetch")
}

// A jsonErrorListener answers in JSON if net/http cannot parse a request. Such a request does not reach a handler.
type jsonErrorListener struct {
	net.Listener
	status HTTPStatus
}

func (l jsonErrorListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, is := conn.(*net.TCPConn); is {
		return jsonErrorConn{tcp, l.status}, nil
	}
	return conn, err
}

// A jsonErrorConn replaces an error that net/http itself writes as plain text with the same error in JSON. The package
// net/http writes such an error with one call of Write.
//
// The type embeds [net.TCPConn] for its method CloseWrite. The package net/http calls CloseWrite after such an error,
// so that the client receives the response.
type jsonErrorConn struct {
	*net.TCPConn
	status HTTPStatus
}

func (c jsonErrorConn) Write(p []byte) (int, error) {
	if code := errorStatus(p); code != 0 {
		return len(p), c.writeError(code)
	}
	return c.TCPConn.Write(p)
}

// netHTTPErrorHeaders follow the status line in each error that net/http writes itself, and in no other response.
const netHTTPErrorHeaders = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// errorStatus returns the status of an error that net/http writes itself, or 0 for other bytes. Such an error has
// [netHTTPErrorHeaders]. Only the error with status 417 lacks them, but no handler sends this status.
func errorStatus(p []byte) int {
	const code = len("HTTP/1.1 ")
	end := bytes.IndexByte(p, '\r')
	if end < code+3 || !bytes.HasPrefix(p, []byte("HTTP/1.")) {
		return 0
	}
	status, err := strconv.Atoi(string(p[code : code+3]))
	if err != nil || status != http.StatusExpectationFailed && !bytes.HasPrefix(p[end:], []byte(netHTTPErrorHeaders)) {
		return 0
	}
	return status
}

func (c jsonErrorConn) writeError(code int) error {
	text := "The request cannot be parsed"
	switch code {
	case http.StatusRequestHeaderFieldsTooLarge:
		text = "The headers are too large"
	case http.StatusExpectationFailed:
		text = "The header Expect can only be 100-continue"
	}
	status := code
	if c.status == DocumentedStatus { // net/http has not parsed the path, so this code assumes a path below /API/
		status = http.StatusOK
	}
	var rec httpclient.Recorder
	errorResponse(code, text).write(&rec, status)
	raw := http.Response{
		ProtoMajor: 1, ProtoMinor: 1, StatusCode: rec.Status(), Header: rec.Header(), Close: true,
		Body: io.NopCloser(&rec.Body), ContentLength: int64(rec.Body.Len()),
	}
	return raw.Write(c.TCPConn)
}
