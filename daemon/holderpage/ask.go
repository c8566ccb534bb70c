package holderpage

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/keyseat/keyseat/daemon"
)

// The calls that a form can request. Each is the name of the API parameter that contains the key.
const (
	doInfo    = "info"
	doUpgrade = "upgrade"
	doRenew   = "renew"
)

// The type asked contains the fields of a form that the page returns with the answer, so that the reader
// need not type them again. It has no field for a login, a password or a new email.
type asked struct {
	Do      string // info, upgrade or renew
	Key     string // as the reader typed it
	Country string // the country code

	part bool // the client wants only the answer, not the whole page
}

// formSize is the maximum size of a form, in bytes. The API accepts less.
const formSize = 64 << 10

// read converts the request of a form into a call of the API. A form has one field for the action and one
// for the key; the API has one parameter for both. If read cannot parse a form, it passes the form to the
// API unchanged, and the API returns the error.
func read(r *http.Request) (asked, *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, formSize))
	form, malformed := url.ParseQuery(string(text))
	if err != nil || malformed != nil || len(text) == formSize {
		return asked{Do: doInfo}, call(r, http.MethodPost, "", io.MultiReader(bytes.NewReader(text), r.Body))
	}
	a := asked{Do: doInfo, Key: form.Get("key"), Country: form.Get("country"), part: form.Get("part") == "answer"}
	for _, do := range form["do"] {
		if do == doInfo || do == doUpgrade || do == doRenew {
			a.Do = do
			form[do] = form["key"]
		}
	}
	c := call(r, http.MethodPost, "", strings.NewReader(form.Encode()))
	c.ContentLength = int64(len(form.Encode()))
	return a, c
}

// call returns a request to the API on behalf of the client that sent r. It uses nothing of the page's URL.
// The API answers it with the real HTTP status, because the page depends on the status.
func call(r *http.Request, method, query string, body io.Reader) *http.Request {
	c := r.Clone(daemon.WithRealStatus(r.Context()))
	c.Method, c.Body = method, io.NopCloser(body)
	c.URL = &url.URL{Path: "/API/", RawQuery: query}
	return c
}

// A reply records the API's answer to a call. It is the [http.ResponseWriter] of the call.
type reply struct {
	code   int
	header http.Header
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (a *reply) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *reply) WriteHeader(code int) { a.code = code }

// Write implements [http.ResponseWriter].
func (a *reply) Write(text []byte) (int, error) { return a.body.Write(text) }

// ask makes a call of the API and returns the answer.
func (p *Page) ask(c *http.Request) reply {
	a := reply{code: http.StatusOK, header: http.Header{}}
	p.api.ServeHTTP(&a, c)
	return a
}
