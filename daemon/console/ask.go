package console

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// A refusal is what the admin API says against something.
type refusal struct {
	Status int
	Title  string
	Detail string
	Code   string
}

func (r refusal) Error() string { return r.Detail }

// Says tells a person.
func (r refusal) Says() string { return r.Title + ": " + r.Detail + "." }

// ask has the admin API do something, as the bearer of the token that the session was opened with, and
// reads its answer. What the API has against it is a [refusal].
func (v *visit) ask(path string, body any, into any, header http.Header) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(v.r.Context(), http.MethodPost, path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.RemoteAddr = v.r.RemoteAddr // for the audit log
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

// below is the path of an operation on what has that id.
func below(noun, id, verb string) string {
	return strings.Join([]string{"/admin/v1", noun, url.PathEscape(id), verb}, "/")
}

// A recorder keeps an answer.
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
