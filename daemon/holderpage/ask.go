package holderpage

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/keyseat/keyseat/daemon"
)

// What a form can ask for: the API's parameter that carries the key.
const (
	doInfo    = "info"
	doUpgrade = "upgrade"
	doRenew   = "renew"
)

// asked is what comes back with the answer to a form, so that it need not be typed again. It has no
// place for what is secret.
type asked struct {
	Do      string // info, upgrade or renew
	Key     string // as it was typed
	Country string // its code

	part bool // the answer alone is wanted
}

// formSize bounds what is read of a form, in bytes: more than the API takes.
const formSize = 64 << 10

// read turns the request of a form into the call that it asks for. A form names what to do and the key
// apart, the API by one parameter. What cannot be read is left to the API as it is, which says so.
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

// call is a request to the API by whoever has made r. Nothing is taken from the page's URL. The answer has
// its real HTTP status, because the page depends on it.
func call(r *http.Request, method, query string, body io.Reader) *http.Request {
	c := r.Clone(daemon.WithRealStatus(r.Context()))
	c.Method, c.Body = method, io.NopCloser(body)
	c.URL = &url.URL{Path: "/API/", RawQuery: query}
	return c
}

// A reply is what the API answers to a call: it is the [http.ResponseWriter] of it.
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

// ask makes a call.
func (p *Page) ask(c *http.Request) reply {
	a := reply{code: http.StatusOK, header: http.Header{}}
	p.api.ServeHTTP(&a, c)
	return a
}
