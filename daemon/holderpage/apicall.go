package holderpage

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/keyseat/keyseat/daemon"
)

// The calls that a form can request. The name of a call is also the name of the API parameter that contains the key.
const (
	doInfo    = "info"
	doUpgrade = "upgrade"
	doRenew   = "renew"
)

// A form has the fields that the page returns with the answer, so that the reader need not type them again.
// It has no field for a login, a password or a new email.
type form struct {
	Do      string // info, upgrade or renew
	Key     string // as the reader typed it
	Country string // the country code

	partial bool // the client wants only the answer, not the whole page
	open    bool // the client wants the form of the call Do, with this key in it; the API is not called
}

// maxFormSize is the maximum size of a form, in bytes. The API has a smaller limit, so a longer form gets the error of
// the API.
const maxFormSize = 64 << 10

// parseForm converts the request of a form into a call of the API. A form has one field for the call and one field for
// the key, but the API has one parameter for both. If parseForm cannot parse a form, it passes the form to the API
// unchanged, and the API returns the error. If a form only requests another form for the same key, parseForm returns no
// request.
func parseForm(r *http.Request) (form, *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxFormSize))
	values, malformed := url.ParseQuery(string(text))
	if err != nil || malformed != nil || len(text) == maxFormSize {
		return form{Do: doInfo}, apiRequest(r, http.MethodPost, "", io.MultiReader(bytes.NewReader(text), r.Body))
	}
	f := form{Do: doInfo, Key: values.Get("key"), Country: values.Get("country"), partial: values.Get("part") == "answer"}
	if do := values.Get("open"); do == doUpgrade || do == doRenew {
		return form{Do: do, Key: f.Key, open: true}, nil
	}
	for _, do := range values["do"] {
		if do == doInfo || do == doUpgrade || do == doRenew {
			f.Do = do
			values[do] = values["key"]
		}
	}
	call := apiRequest(r, http.MethodPost, "", strings.NewReader(values.Encode()))
	call.ContentLength = int64(len(values.Encode()))
	return f, call
}

// apiRequest returns a request to the API on behalf of the client that sent r. It keeps the headers and the address of
// r, but not its URL. The API answers such a request with the real HTTP status, on which the page depends.
func apiRequest(r *http.Request, method, query string, body io.Reader) *http.Request {
	call := r.Clone(daemon.WithRealStatus(r.Context()))
	call.Method, call.Body = method, io.NopCloser(body)
	call.URL = &url.URL{Path: "/API/", RawQuery: query}
	return call
}

// A Country is a possible country of an account.
type Country struct {
	Name  string `json:"country"`
	Code  string `json:"country_code"`
	Slots int    // the number of free slots
}

// A Stock lists all countries, with their names in the reader's language. Each list is sorted by name.
type Stock struct {
	Known  bool      // false: the API did not return the stock, and Others lists every country
	Free   []Country // the countries with a free slot
	Others []Country // the countries without a free slot
}
