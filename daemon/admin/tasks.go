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

// listTasks lists tasks. Only a token that may list whole codes gets those of the keys.
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
	page, whole := taskPage{Tasks: []view.Task{}}, c.token.Role.Allows(Export)
	for _, v := range views {
		page.Tasks = append(page.Tasks, c.shownTask(view.NewTask(*v.Task), whole))
	}
	if whole {
		c.disclose(len(views))
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
	c.logAttrs = c.taskAttrs(*v.Task)
	whole := c.token.Role.ShowsCode()
	if whole {
		c.disclose(1)
	}
	return okResponse(c.shownTask(view.NewTask(*v.Task), whole), nil)
}

// shownTask returns a task with the fingerprint of its key, and with a masked code unless the client may see the
// whole one.
func (c *call) shownTask(t view.Task, whole bool) view.Task {
	t.Fingerprint = c.fingerprint(t.Code)
	if !whole {
		return t.Masked()
	}
	return t
}

// taskAttrs returns the attributes of a task for the log.
func (c *call) taskAttrs(t tasks.Task) []slog.Attr {
	return []slog.Attr{slog.String("task", t.ID), slog.String("key", c.fingerprint(t.Code))}
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
		c.logAttrs = c.taskAttrs(*v.Task)
	}
	if err != nil {
		return response{}, err
	}
	return okResponse(c.shownTask(view.NewTask(*v.Task), true), nil)
}
