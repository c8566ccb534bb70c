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

	"github.com/go-playground/validator/v10"

	"github.com/keyseat/keyseat/tasks"
)

// The calls of the API, each named by the parameter that carries its key.
const (
	callInfo    = "info"
	callRenew   = string(tasks.Renew)
	callUpgrade = string(tasks.Upgrade)
	callStock   = "stock"
)

// The parameters that some call knows. Any other is ignored.
var (
	calls  = []string{callInfo, callRenew, callUpgrade, callStock}
	known  = append(slices.Clone(calls), "login", "pwd", "newemail", "country")
	secret = []string{"login", "pwd", "newemail"}
)

// maxSize bounds a URL, the headers and a body, each, in bytes.
const maxSize = 16 << 10

// A request is a parsed one: the call and the parameters.
type request struct {
	Call   string
	values map[string]string
}

// A form is what is checked of a request's parameters before they are read.
type form struct {
	Calls  []string   `validate:"len=1"`
	Query  url.Values `validate:"text"`
	Body   url.Values `validate:"text"`
	Values url.Values `validate:"dive,max=1"`
}

var forms = func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	err := v.RegisterValidation("text", func(field validator.FieldLevel) bool {
		values, is := field.Field().Interface().(url.Values)
		return is && isText(values)
	})
	if err != nil {
		panic(err) // a name that is empty or taken: ours is neither
	}
	return v
}()

func isText(values url.Values) bool {
	for name, texts := range values {
		if !utf8.ValidString(name) || slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) }) {
			return false
		}
	}
	return true
}

// parse reads a request, or gives the answer that says what is wrong with it.
func parse(r *http.Request) (request, *answer) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault(http.StatusBadRequest, "The query cannot be parsed")
	}
	body, a := parseBody(r)
	if a != nil {
		return request{}, a
	}
	f := form{Query: query, Body: body, Values: url.Values{}}
	for _, name := range known {
		if query.Has(name) && body.Has(name) {
			return fault(http.StatusBadRequest, "The parameter "+name+" stands in the query and in the body")
		}
		if body.Has(name) && r.Method != http.MethodPost {
			return fault(http.StatusBadRequest, "A body with parameters needs POST")
		}
		f.collect(name)
	}
	if err := forms.Struct(f); err != nil {
		return fault(http.StatusBadRequest, explain(err))
	}
	return f.request(), nil
}

func fault(code int, message string) (request, *answer) {
	a := wrong(code, message)
	return request{}, &a
}

// collect gathers the distinct values of a parameter.
func (f *form) collect(name string) {
	values := slices.Concat(f.Query[name], f.Body[name])
	if values == nil {
		return
	}
	if slices.Contains(calls, name) {
		f.Calls = append(f.Calls, name)
	}
	slices.Sort(values)
	f.Values[name] = slices.Compact(values)
}

func (f *form) request() request {
	values := make(map[string]string, len(f.Values))
	for name := range maps.Keys(f.Values) {
		values[name] = f.Values.Get(name)
	}
	return request{f.Calls[0], values}
}

// explain names the first thing that is wrong with a form. The validator's own words are not used:
// they can hold what was submitted.
func explain(err error) string {
	var faults validator.ValidationErrors
	if errors.As(err, &faults) {
		switch field := faults[0].StructField(); {
		case field == "Calls":
			return "Exactly one of info, renew, upgrade and stock must be named"
		case strings.HasPrefix(field, "Values"):
			return "A parameter is given twice with different values"
		}
	}
	return "The parameters are not UTF-8 text"
}

// parseBody reads the form that a request carries.
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

// names says whether a query names one of the calls, however malformed the rest of it is.
func names(r *http.Request, calls ...string) bool {
	for pair := range strings.FieldsFuncSeq(r.URL.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err == nil && slices.Contains(calls, name) {
			return true
		}
	}
	return false
}

// prefetched says whether a browser asks ahead of its user.
func prefetched(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose"} {
		if strings.Contains(strings.ToLower(strings.Join(r.Header.Values(name), ",")), "prefetch") {
			return true
		}
	}
	return false
}
