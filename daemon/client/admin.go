package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An Admin uses the admin API with one token. It is safe for concurrent use.
//
// Of the methods that change data, only [Admin.Issue] repeats its request automatically. If another method
// returns [ErrUnknown], read the key, the plan or the task, or make the call again. A repeated call has the
// same result as one call, or the API refuses it with a [Code] such as [NotSuspect].
type Admin struct{ transport *transport }

// maxPage is the maximum size of a response of the admin API, in bytes. Even a page with long texts has only a small part
// of this size.
const maxPage = 16 << 20

// NewAdmin returns a client of the admin API, which is at /admin/v1/ below base. The base is the URL of the
// daemon's admin listener. NewAdmin sends no request.
func NewAdmin(base string, token tasks.Secret, o Options) (*Admin, error) {
	if text := token.Reveal(); text == "" || !httpclient.IsToken(text) {
		return nil, ErrToken
	}
	t, err := newTransport(base, token, maxPage, problemErr, o)
	return &Admin{t}, err
}

// The types of the admin API are those of package view, which describes their fields.
type (
	// A Time embeds a [time.Time]. The zero Time means that the daemon knows no time, or that the event has not happened.
	Time = view.Time
	// A Key is a key as an operator sees it. A zero time means that the time is not known. The code is masked, such as
	// "…GJ5KN", if the role of the token does not show it.
	Key = view.Key
	// A KeyDetail is a key with the explanation of its state and its history.
	KeyDetail = view.KeyDetail
	// An Explanation explains the state of a key in sentences for people.
	Explanation = view.Explanation
	// An Event is an entry of a key's history.
	Event = view.Event
	// A Task is an accepted upgrade or renew, without its account. A zero time means that the event has not happened.
	Task = view.Task
	// An Order is a request for new keys.
	Order = view.Order
	// An Issue contains the keys of an order.
	Issue = view.Issue
	// Found is the result of [Admin.Search], with up to 20 entries of each kind.
	Found = view.Found
	// A Plan is a family plan and its slots. A zero time means never.
	Plan = view.Plan
	// An ActivityEntry records an action of an operator: who did what, when and from where.
	ActivityEntry = view.ActivityEntry
)

// errEmptyName says that a code or an id is empty. The path of a request cannot contain an empty segment.
var errEmptyName = errors.New("client: the code or id is empty")

// segment escapes a name as one segment of a path, even if the name contains slashes or consists only of dots.
func segment(name string) string {
	if strings.Trim(name, ".") == "" {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}

type adminCall struct {
	method     string   // "": GET
	path       []string // the unescaped segments of the path after /admin/v1/, such as "tasks", an id, "retry"
	query      url.Values
	body       any // nil: no body
	header     http.Header
	repeatable bool // the request changes data, but its header makes a repetition safe
}

func (a *Admin) do(ctx context.Context, q adminCall, read func(response) error) error {
	out := request{
		method: cmp.Or(q.method, http.MethodGet), path: "admin/v1", query: q.query.Encode(),
		header: q.header, notRepeatable: q.method != "" && !q.repeatable,
	}
	for _, name := range q.path {
		if name == "" {
			return errEmptyName
		}
		out.path += "/" + segment(name)
	}
	if q.body != nil {
		body, err := json.Marshal(q.body)
		if err != nil {
			return errRequest
		}
		out.contentType, out.body = "application/json", body
	}
	return a.transport.send(ctx, out, read)
}

func call[T any](ctx context.Context, a *Admin, q adminCall) (value T, err error) {
	err = a.do(ctx, q, func(r response) error {
		if json.Unmarshal(r.body, &value) != nil || isInvalid(value) {
			return ErrInvalidResponse
		}
		return nil
	})
	return value, err
}

// isInvalid reports whether a decoded value lacks a required field. No daemon sends such a value.
func isInvalid(value any) bool {
	switch v := value.(type) {
	case Key:
		return v.Code == ""
	case KeyDetail:
		return v.Code == ""
	case Task:
		return v.ID == ""
	case Plan:
		return v.ID == ""
	case ActivityEntry:
		return v.ID == ""
	case Issue:
		return v.Count < 1 || len(v.Codes) != v.Count
	case stockBody:
		return v.Stock == nil
	}
	return false
}

// listAll iterates over all pages of a list. The first error ends the sequence.
func listAll[T any](ctx context.Context, a *Admin, list string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for next := new(""); next != nil; {
			entries, after, err := page[T](ctx, a, list, query, *next)
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
			next = after
		}
	}
}

// page reads one page of a list. It also returns the cursor of the next page, or nil after the last page.
func page[T any](ctx context.Context, a *Admin, list string, query url.Values, after string) (entries []T, next *string, err error) {
	q := maps.Clone(query)
	if after != "" {
		q.Set("after", after)
	}
	body, err := call[map[string]json.RawMessage](ctx, a, adminCall{path: []string{list}, query: q})
	if err != nil {
		return nil, nil, err
	}
	if json.Unmarshal(body[list], &entries) != nil || json.Unmarshal(body["next"], &next) != nil {
		return nil, nil, ErrInvalidResponse
	}
	if next != nil && *next == after || slices.ContainsFunc(entries, func(e T) bool { return isInvalid(e) }) {
		return nil, nil, ErrInvalidResponse // an unchanged cursor would cause an endless loop
	}
	return entries, next, nil
}

// A PlanEdit contains the changes of a plan. A nil field leaves the value in the plan unchanged. A new plan needs a
// country and slots.
type PlanEdit struct {
	Country   *string    `json:"country,omitempty"` // the country code, in upper or lower case
	Slots     *int       `json:"slots,omitempty"`   // at least the number of slots that are held, spent or suspect
	Address   *string    `json:"address,omitempty"`
	Invite    *string    `json:"invite,omitempty"`
	ExpiresAt *time.Time `json:"-"` // the zero time: never
}

// body returns the body of the request. In the body, an expires_at of null means that the plan never expires.
func (e PlanEdit) body() any {
	body := struct {
		PlanEdit

		Expires **time.Time `json:"expires_at,omitempty"`
	}{PlanEdit: e}
	if e.ExpiresAt != nil {
		body.Expires = &e.ExpiresAt
		if e.ExpiresAt.IsZero() {
			body.Expires = new(*time.Time)
		}
	}
	return body
}

// ignoreResponse is the function that reads the response of a call without a result.
func ignoreResponse(response) error { return nil }

// EditPlan creates or changes a plan and puts it into stock: afterwards the plan is not retired, and has no fault such as
// "full". If the slots of the plan do not allow the edit, the error is [PlanInUse].
func (a *Admin) EditPlan(ctx context.Context, id string, e PlanEdit) error {
	return a.do(ctx, adminCall{method: http.MethodPut, path: []string{"plans", id}, body: e.body()}, ignoreResponse)
}

// RetirePlan takes a plan out of stock. Its open tasks continue to their end.
func (a *Admin) RetirePlan(ctx context.Context, id string) error {
	return a.do(ctx, adminCall{method: http.MethodPost, path: []string{"plans", id, "retire"}}, ignoreResponse)
}

// Plans lists the plans in the order of import. Plans reads page by page during the iteration. The first error ends the
// sequence.
func (a *Admin) Plans(ctx context.Context) iter.Seq2[Plan, error] {
	return listAll[Plan](ctx, a, "plans", url.Values{})
}

// Stock returns the slots of each country that has a plan, summed over its plans.
func (a *Admin) Stock(ctx context.Context) ([]stock.Level, error) {
	body, err := call[stockBody](ctx, a, adminCall{path: []string{"stock"}})
	return body.Stock, err
}

// A stockBody is the body of the response to GET stock. It needs no JSON tags, because the names in JSON are the Go names
// in lower case.
type stockBody struct{ Stock []stock.Level }
