package admin

import (
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"
)

// The limits on the number of entries in a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// A query is the parameters of a list. Each may be given once. It keeps the first error, so that
// its reader can check for errors once, at the end.
type query struct {
	values url.Values
	err    error
}

// parseQuery parses the parameters. A parameter that is not known is an error.
func (c *call) parseQuery(known ...string) *query {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.fail("the query cannot be parsed")
	}
	for name, texts := range values {
		switch {
		case !slices.Contains(known, name):
			q.fail("a parameter is none of this list")
		case len(texts) > 1:
			q.fail(name + " is given twice")
		case !utf8.ValidString(texts[0]):
			q.fail(name + " is not UTF-8")
		}
	}
	return q
}

func (q *query) fail(detail string) {
	if q.err == nil {
		q.err = apiError{QueryInvalid, detail}
	}
}

// limit returns the maximum number of entries in the page.
func (q *query) limit() int {
	if !q.values.Has("limit") {
		return defaultLimit
	}
	n, err := strconv.Atoi(q.values.Get("limit"))
	if err != nil || n < 1 || n > maxLimit {
		q.fail("limit must be 1 to 1000")
	}
	return n
}

// boolean returns a boolean parameter, or nil if it is not given.
func (q *query) boolean(name string) *bool {
	switch {
	case !q.values.Has(name):
		return nil
	case q.values.Get(name) == "true":
		return new(true)
	case q.values.Get(name) == "false":
		return new(false)
	}
	q.fail(name + " must be true or false")
	return nil
}
