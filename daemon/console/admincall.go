package console

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/internal/httpclient"
)

// An apiError is an error response of the admin API.
type apiError struct {
	Status int
	Title  string
	Detail string
	Code   string
}

func (e apiError) Error() string { return e.Detail }

// Message returns the error as one sentence for the operator.
func (e apiError) Message() string { return e.Title + ": " + e.Detail + "." }

// callAdmin sends a request with a JSON body to the admin API, which runs in the same process. The
// request carries the token of the session. It also carries the headers in header, which may be nil. The
// response is decoded into the value that into points to, unless into is nil. An error response becomes an
// [apiError], or errUnavailable if it is not JSON.
func (r *request) callAdmin(method, path string, body any, into any, header http.Header) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx := r.req.Context()
	if r.session.proxyUser != "" {
		ctx = admin.WithToken(ctx, r.token)
	}
	call, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	call.RemoteAddr = netip.AddrPortFrom(r.client(), 0).String() // the audit log names the address of the browser
	call.Header = http.Header{"Authorization": {"Bearer " + r.session.token.Reveal()}, "Content-Type": {"application/json"}}
	for name, values := range header {
		call.Header[name] = values
	}
	var response httpclient.Recorder
	r.API.ServeHTTP(&response, call)
	if status := response.Status(); status >= http.StatusBadRequest {
		e := apiError{Status: status}
		if json.Unmarshal(response.Body.Bytes(), &e) != nil {
			return errUnavailable
		}
		return e
	}
	if into == nil { // the response may have no body
		return nil
	}
	return json.Unmarshal(response.Body.Bytes(), into)
}

// objectPath returns the path of an object in the admin API, or of an operation on it.
func objectPath(noun, id string, verb ...string) string {
	return strings.Join(append([]string{"/admin/v1", noun, url.PathEscape(id)}, verb...), "/")
}
