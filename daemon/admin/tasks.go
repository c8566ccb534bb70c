package admin

import (
	"context"
	"log/slog"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A taskPage is a page of tasks. Next is the parameter after of the next page, or nil on the last
// page.
type taskPage struct {
	Tasks []view.Task `json:"tasks"`
	Next  *string     `json:"next"`
}

func (c *call) listTasks() (response, error) {
	q := c.parseQuery("after", "limit", "state")
	limit, filter := q.limit(), adminstore.TaskFilter(q.values.Get("state"))
	switch filter {
	case adminstore.AnyTask, adminstore.OpenTask, adminstore.EndedTask, adminstore.SuspectTask:
	default: // the parameter may contain any text
		q.fail("state must be open, ended or suspect")
	}
	if q.err != nil {
		return response{}, q.err
	}
	after, err := c.cursor(q.values.Get("after"))
	if err != nil {
		return response{}, err
	}
	views, err := c.AdminStore.Tasks(c.r.Context(), filter, after, limit)
	if err != nil {
		return response{}, err
	}
	page := taskPage{Tasks: []view.Task{}}
	for _, v := range views {
		page.Tasks = append(page.Tasks, view.NewTask(*v.Task))
	}
	if len(views) == limit {
		page.Next = &views[limit-1].Task.ID
	}
	return okResponse(page, nil)
}

// cursor returns the last task of the page before, from its id.
func (c *call) cursor(id string) (tasks.Task, error) {
	if id == "" {
		return tasks.Task{}, nil
	}
	v, err := c.task(c.r.Context(), id)
	if err == nil && v.Task == nil {
		err = apiError{QueryInvalid, "after must be the next of the page before"}
	}
	if err != nil {
		return tasks.Task{}, err
	}
	return *v.Task, nil
}

// task reads one task. Text that cannot be an id counts as a task that does not exist.
func (c *call) task(ctx context.Context, id string) (tasks.Snapshot, error) {
	if !csvfile.ValidID(id) {
		return tasks.Snapshot{}, nil
	}
	return c.AdminStore.Task(ctx, id)
}

func (c *call) showTask() (response, error) {
	v, err := c.task(c.r.Context(), c.pathParam)
	if err == nil && v.Task == nil {
		err = tasks.ErrNoTask
	}
	if err != nil {
		return response{}, err
	}
	return okResponse(view.NewTask(*v.Task), nil)
}

// retryTask makes an open task due now.
func (c *call) retryTask() (response, error) {
	if err := c.noBody(); err != nil {
		return response{}, err
	}
	r, err := c.mutateTask(tasks.RetryNow)
	if err == nil && c.Wake != nil {
		c.Wake()
	}
	return r, err
}

// A resolution is the body of POST /tasks/{id}/resolve.
type resolution struct {
	Outcome tasks.Outcome `json:"outcome"`
}

// resolveTask settles a suspect slot by the outcome that the operator has found out.
func (c *call) resolveTask() (response, error) {
	body, err := decode[resolution](c)
	if err != nil {
		return response{}, err
	}
	return c.mutateTask(func(v tasks.Snapshot, id string) (tasks.Change, error) { return tasks.Resolve(v, body.Outcome, id) })
}

// releaseTask gives back the slot that a task has consumed.
func (c *call) releaseTask() (response, error) {
	if err := c.noBody(); err != nil {
		return response{}, err
	}
	return c.mutateTask(tasks.Release)
}

// mutateTask applies an admin action to a task and returns the changed task.
func (c *call) mutateTask(decide mutation) (response, error) {
	read := func(ctx context.Context) (tasks.Snapshot, error) { return c.task(ctx, c.pathParam) }
	v, err := c.mutate(read, decide)
	if v.Task != nil {
		c.logAttrs = []slog.Attr{slog.String("task", v.Task.ID), slog.String("key", v.Task.Code.Fingerprint())}
	}
	if err != nil {
		return response{}, err
	}
	return okResponse(view.NewTask(*v.Task), nil)
}
