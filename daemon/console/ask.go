package console

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// A refusal is an error response of the admin API.
type refusal struct {
	Status int
	Title  string
	Detail string
	Code   string
}

func (r refusal) Error() string { return r.Detail }

// Says returns the refusal as one sentence for the operator.
func (r refusal) Says() string { return r.Title + ": " + r.Detail + "." }

// ask sends a POST request with a JSON body to the admin API, which runs in the same process. The request
// carries the token of the session. It also carries the headers in header, which may be nil. The response
// is decoded into into, unless into is nil. An error response becomes a [refusal], or errAway if it is not
// JSON.
func (v *visit) ask(path string, body any, into any, header http.Header) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(v.r.Context(), http.MethodPost, path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.RemoteAddr = v.r.RemoteAddr // the audit log names the address of the browser
	r.Header = http.Header{"Authorization": {"Bearer " + v.session.token.Reveal()}, "Content-Type": {"application/json"}}
	for name, values := range header {
		r.Header[name] = values
	}
	answer := &recorder{header: http.Header{}}
	v.API.ServeHTTP(answer, r)
	if answer.status >= http.StatusBadRequest {
		refused := refusal{Status: answer.status}
		if json.Unmarshal(answer.body.Bytes(), &refused) != nil {
			return errAway
		}
		return refused
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer.body.Bytes(), into)
}

// below returns the path of the admin API's operation verb on the object id.
func below(noun, id, verb string) string {
	return strings.Join([]string{"/admin/v1", noun, url.PathEscape(id), verb}, "/")
}

// A recorder keeps a response in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) { r.status = status }

// Write implements [http.ResponseWriter].
func (r *recorder) Write(text []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.body.Write(text)
}
