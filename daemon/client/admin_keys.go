package client

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// errIdempotencyKey is the error of an idempotency key with which net/http refuses the request.
var errIdempotencyKey = errors.New("client: the idempotency key has a control character, which no header can carry")

// Issue creates the keys of an order. An idempotency key has 1 to 255 bytes, and no control character. For example, use
// the id of the webhook that reported the order.
//
// A second call with the same idempotency key creates no keys and returns the same codes, at any later time. The second
// call may come from another process, or use another token of the same name. Therefore Issue repeats its request
// automatically, and after any error you can call Issue again.
func (a *Admin) Issue(ctx context.Context, idempotencyKey string, o Order) (Issue, error) {
	if strings.ContainsFunc(idempotencyKey, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return Issue{}, errIdempotencyKey
	}
	return call[Issue](ctx, a, adminCall{
		method: http.MethodPost, path: []string{"keys"}, body: o, repeatable: true,
		header: http.Header{"Idempotency-Key": {idempotencyKey}},
	})
}

// A KeyFilter selects the keys to list. The zero value selects all keys.
type KeyFilter = adminstore.KeyFilter

// Keys lists keys with their latest tasks. Without a filter, the keys are sorted by the bytes of their codes. With a
// filter, they are sorted by [adminstore.KeyFilter.Position]. The codes are masked unless the token has the role export.
// Keys reads page by page during the iteration, so the list is not a snapshot of one moment. The first error ends the
// sequence.
func (a *Admin) Keys(ctx context.Context, f KeyFilter) iter.Seq2[Key, error] {
	q := url.Values{}
	setList(q, "status", f.Statuses)
	setBool(q, "used", f.Used)
	setBool(q, "revoked", f.Revoked)
	if f.OrderID != nil {
		q.Set("order_id", *f.OrderID)
	}
	setTime(q, "bought_after", f.BoughtAfter)
	setTime(q, "bought_before", f.BoughtBefore)
	set(q, "country", f.Country)
	set(q, "plan", f.Plan)
	return listAll[Key](ctx, a, "keys", q)
}

// set sets a parameter to a value that is not "".
func set[S ~string](q url.Values, name string, value S) {
	if value != "" {
		q.Set(name, string(value))
	}
}

// setList sets a parameter to values, with commas between them. It sets no parameter for an empty list.
func setList[S ~string](q url.Values, name string, values []S) {
	var texts []string
	for _, v := range values {
		texts = append(texts, string(v))
	}
	if len(texts) > 0 {
		q.Set(name, strings.Join(texts, ","))
	}
}

func setBool(q url.Values, name string, value *bool) {
	if value != nil {
		q.Set(name, strconv.FormatBool(*value))
	}
}

func setTime(q url.Values, name string, at time.Time) {
	if !at.IsZero() {
		q.Set(name, at.UTC().Format(time.RFC3339Nano))
	}
}

// Key returns a key with its explanation and its history. If the key does not exist, the error is [KeyNotFound].
func (a *Admin) Key(ctx context.Context, code keys.Code) (KeyDetail, error) {
	return call[KeyDetail](ctx, a, adminCall{path: []string{"keys", string(code)}})
}

// Revoke revokes a key. An open task of the key continues to its end.
func (a *Admin) Revoke(ctx context.Context, code keys.Code) (Key, error) {
	return post[Key](ctx, a, nil, "keys", string(code), "revoke")
}

// Restore gives a revoked key the state that it had before.
func (a *Admin) Restore(ctx context.Context, code keys.Code) (Key, error) {
	return post[Key](ctx, a, nil, "keys", string(code), "restore")
}

// Reset makes a key usable again, whatever its status. If the key has an open task, the error is [TaskOpen]. Reset the key
// after the task has ended.
func (a *Admin) Reset(ctx context.Context, code keys.Code) (Key, error) {
	return post[Key](ctx, a, nil, "keys", string(code), "reset")
}

// Tasks lists the tasks that match the filter, oldest first. The codes are masked unless the token has the role export.
// Tasks reads page by page during the iteration. The first error ends the sequence. The error is [QueryInvalid] if the
// filter selects open tasks and also another outcome.
func (a *Admin) Tasks(ctx context.Context, f adminstore.TaskFilter) iter.Seq2[Task, error] {
	if f.State == adminstore.AnyTask && slices.Equal(f.Outcomes, []tasks.Outcome{""}) {
		f.State, f.Outcomes = adminstore.OpenTask, nil
	}
	q := url.Values{}
	set(q, "state", f.State)
	setList(q, "outcome", f.Outcomes)
	set(q, "country", f.Country)
	set(q, "plan", f.Plan)
	set(q, "key", f.Code)
	setTime(q, "since", f.Since)
	setTime(q, "until", f.Until)
	return listAll[Task](ctx, a, "tasks", q)
}

// Activity lists the entries of the audit log that match the filter, oldest first. Activity reads page by page during the
// iteration. The first error ends the sequence.
func (a *Admin) Activity(ctx context.Context, f activity.Filter) iter.Seq2[ActivityEntry, error] {
	q := url.Values{}
	set(q, "actor", f.Actor)
	set(q, "action", f.Action)
	set(q, "subject", f.Subject)
	setTime(q, "since", f.Since)
	setTime(q, "until", f.Until)
	return listAll[ActivityEntry](ctx, a, "activity", q)
}

// Search finds orders, usernames, tasks and plans by their whole text or its beginning. Search finds a key by its whole
// code or by the last group of the code. With the role export, it also finds a key by the beginning of the code.
func (a *Admin) Search(ctx context.Context, text string) (Found, error) {
	return call[Found](ctx, a, adminCall{path: []string{"search"}, query: url.Values{"q": {text}}})
}

// Task returns a task. If the task does not exist, the error is [TaskNotFound].
func (a *Admin) Task(ctx context.Context, id string) (Task, error) {
	return call[Task](ctx, a, adminCall{path: []string{"tasks", id}})
}

// Retry makes an open task due now. If the task has ended, the error is [TaskEnded]. If a worker is working on the task,
// the error is [TaskLeased].
func (a *Admin) Retry(ctx context.Context, id string) (Task, error) {
	return post[Task](ctx, a, nil, "tasks", id, "retry")
}

// Resolve decides the state of a suspect slot: spent if the outcome is success, and free for any other
// outcome. If the task is the latest of its key, the key's status follows the outcome. If the task has no
// suspect slot, the error is [NotSuspect].
func (a *Admin) Resolve(ctx context.Context, id string, o tasks.Outcome) (Task, error) {
	return post[Task](ctx, a, map[string]tasks.Outcome{"outcome": o}, "tasks", id, "resolve")
}

// Release frees the slot that a task has spent. Call it after the member has left the plan. If the task has
// no spent slot, the error is [NotSpent].
func (a *Admin) Release(ctx context.Context, id string) (Task, error) {
	return post[Task](ctx, a, nil, "tasks", id, "release")
}

func post[T any](ctx context.Context, a *Admin, body any, path ...string) (T, error) {
	return call[T](ctx, a, adminCall{method: http.MethodPost, path: path, body: body})
}
