package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/keyseat/keyseat/tasks"
)

// Tasks lists the tasks that the filter lets pass, the oldest first. It reads pages as it goes; an
// error is the last that it gives.
func (a *Admin) Tasks(ctx context.Context, filter tasks.TaskFilter) iter.Seq2[Task, error] {
	q := url.Values{}
	if filter != tasks.AnyTask {
		q.Set("state", string(filter))
	}
	return each[Task](ctx, a, "tasks", q)
}

// Task reads a task, or gives [TaskNotFound].
func (a *Admin) Task(ctx context.Context, id string) (Task, error) {
	return one[Task](ctx, a, http.MethodGet, "tasks", id, "", nil)
}

// Retry makes an open task due now. [TaskEnded] says that it is not open, [TaskLeased] that it is
// being asked about.
func (a *Admin) Retry(ctx context.Context, id string) (Task, error) {
	return one[Task](ctx, a, http.MethodPost, "tasks", id, "retry", nil)
}

// Resolve settles a suspect slot: spent for success, free for any other outcome, and the key with it
// if the task is its latest. [NotSuspect] says that there is none.
func (a *Admin) Resolve(ctx context.Context, id string, o tasks.Outcome) (Task, error) {
	return one[Task](ctx, a, http.MethodPost, "tasks", id, "resolve", map[string]tasks.Outcome{"outcome": o})
}

// Release gives back the slot that a task has spent, once its member has left the plan. [NotSpent]
// says that there is none.
func (a *Admin) Release(ctx context.Context, id string) (Task, error) {
	return one[Task](ctx, a, http.MethodPost, "tasks", id, "release", nil)
}
