package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// Tasks lists the tasks that match the filter, oldest first. It reads page by page during the iteration.
// The first error ends the sequence.
func (a *Admin) Tasks(ctx context.Context, filter adminstore.TaskFilter) iter.Seq2[Task, error] {
	q := url.Values{}
	if filter != adminstore.AnyTask {
		q.Set("state", string(filter))
	}
	return listAll[Task](ctx, a, "tasks", q)
}

// Task returns a task. If the task does not exist, the error is [TaskNotFound].
func (a *Admin) Task(ctx context.Context, id string) (Task, error) {
	return callObject[Task](ctx, a, http.MethodGet, "tasks", id, "", nil)
}

// Retry makes an open task due now. If the task is not open, the error is [TaskEnded]. If a worker is
// working on it, the error is [TaskLeased].
func (a *Admin) Retry(ctx context.Context, id string) (Task, error) {
	return callObject[Task](ctx, a, http.MethodPost, "tasks", id, "retry", nil)
}

// Resolve decides the state of a suspect slot: spent if the outcome is success, and free for any other
// outcome. If the task is the latest of its key, the key's status follows the outcome. If the task has no
// suspect slot, the error is [NotSuspect].
func (a *Admin) Resolve(ctx context.Context, id string, o tasks.Outcome) (Task, error) {
	return callObject[Task](ctx, a, http.MethodPost, "tasks", id, "resolve", map[string]tasks.Outcome{"outcome": o})
}

// Release frees the slot that a task has spent. Call it after the member has left the plan. If the task has
// no spent slot, the error is [NotSpent].
func (a *Admin) Release(ctx context.Context, id string) (Task, error) {
	return callObject[Task](ctx, a, http.MethodPost, "tasks", id, "release", nil)
}
