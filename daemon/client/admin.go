package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/tasks"
)

// An Admin uses the admin API with one token. Any number of goroutines may use it at once.
//
// Of what changes something, only [Admin.Issue] is repeated by itself. Where another method's error is
// [ErrUnknown], look at the key, the plan or the task, or make the call again: made twice, it leaves
// the same behind as made once, or is refused with a [Code] that says so, such as [NotSuspect].
type Admin struct{ line *line }

// maxPage bounds an answer of the admin API, in bytes: many times what a page of long texts has.
const maxPage = 16 << 20

// NewAdmin makes a client of the admin API that is at /admin/v1/ below that base, which is the
// daemon's admin listener. Nothing is sent yet.
func NewAdmin(base string, token tasks.Secret, o Options) (*Admin, error) {
	if err := checkToken(token); err != nil {
		return nil, err
	}
	l, err := newLine(base, token, maxPage, problem, o)
	return &Admin{l}, err
}

// errNoName says that a code or an id is empty, which no path can hold.
var errNoName = errors.New("client: the code or id is empty")

// path is that of one thing, and of what is done to it ("" to read it).
func path(list, name, action string) (string, error) {
	if name == "" {
		return "", errNoName
	}
	p := list + "/" + segment(name)
	if action != "" {
		p += "/" + action
	}
	return p, nil
}

// segment writes a name as one segment of a path, also where the name has slashes or is only dots.
func segment(name string) string {
	if strings.Trim(name, ".") == "" {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}

// A request is one call of the admin API.
type request struct {
	method, path string
	query        url.Values
	body         any // nil: none
	header       http.Header
	again        bool // a change that may be repeated, because of its header
}

// do makes a call and reads what is answered into that, nil for nothing.
func (a *Admin) do(ctx context.Context, q request, into any) error {
	m := message{
		method: q.method, path: "admin/v1/" + q.path, query: q.query.Encode(),
		header: q.header, once: q.method != http.MethodGet && !q.again,
	}
	if q.body != nil {
		body, err := json.Marshal(q.body)
		if err != nil {
			return errRequest
		}
		m.kind, m.body = "application/json", body
	}
	return a.line.send(ctx, m, func(r reply) error {
		if into != nil && json.Unmarshal(r.body, into) != nil || strange(into) {
			return ErrAnswer
		}
		return nil
	})
}

// strange says whether what was read lacks what every such thing has: it was something else.
func strange(told any) bool {
	s, is := told.(interface{ strange() bool })
	return is && s.strange()
}

// one makes a call about one thing.
func one[T any](ctx context.Context, a *Admin, method, list, name, action string, body any) (told T, err error) {
	p, err := path(list, name, action)
	if err == nil {
		err = a.do(ctx, request{method: method, path: p, body: body}, &told)
	}
	return told, err
}

// each walks through all the pages of a list. An error is the last that it gives.
func each[T any](ctx context.Context, a *Admin, list string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for next := ""; ; {
			entries, after, err := page[T](ctx, a, list, query, next)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
			if after == nil {
				return
			}
			next = *after
		}
	}
}

// page reads one page, and where to go on: nil where there is nothing more.
func page[T any](ctx context.Context, a *Admin, list string, query url.Values, after string) (entries []T, next *string, err error) {
	q := url.Values{}
	for name, values := range query {
		q[name] = values
	}
	if after != "" {
		q.Set("after", after)
	}
	var body map[string]json.RawMessage
	if err := a.do(ctx, request{method: http.MethodGet, path: list, query: q}, &body); err != nil {
		return nil, nil, err
	}
	if json.Unmarshal(body[list], &entries) != nil || json.Unmarshal(body["next"], &next) != nil {
		return nil, nil, ErrAnswer
	}
	if next != nil && *next == after || slices.ContainsFunc(entries, func(e T) bool { return strange(e) }) {
		return nil, nil, ErrAnswer // the same page again would go on for ever
	}
	return entries, next, nil
}
