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

func (c *call) listTasks() (answer, error) {
	q := c.query("after", "limit", "state")
	limit, filter := q.limit(), adminstore.TaskFilter(q.values.Get("state"))
	switch filter {
	case adminstore.AnyTask, adminstore.OpenTask, adminstore.EndedTask, adminstore.SuspectTask:
	default: // the parameter may contain any text
		q.fail("state must be open, ended or suspect")
	}
	if q.err != nil {
		return answer{}, q.err
	}
	after, err := c.cursor(q.values.Get("after"))
	if err != nil {
		return answer{}, err
	}
	views, err := c.AdminStore.Tasks(c.r.Context(), filter, after, limit)
	if err != nil {
		return answer{}, err
	}
	page := taskPage{Tasks: []view.Task{}}
	for _, v := range views {
		page.Tasks = append(page.Tasks, view.NewTask(*v.Task))
	}
	if len(views) == limit {
		page.Next = &views[limit-1].Task.ID
	}
	return found(page)
}

// cursor returns the last task of the page before, from its id.
func (c *call) cursor(id string) (tasks.Task, error) {
	if id == "" {
		return tasks.Task{}, nil
	}
	v, err := c.task(c.r.Context(), id)
	if err != nil {
		return tasks.Task{}, err
	}
	if v.Task == nil {
		return tasks.Task{}, fault{QueryInvalid, "after must be the next of the page before"}
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

func (c *call) showTask() (answer, error) {
	v, err := c.task(c.r.Context(), c.variable)
	if err != nil {
		return answer{}, err
	}
	if v.Task == nil {
		return answer{}, tasks.ErrNoTask
	}
	return found(view.NewTask(*v.Task))
}

// retryTask makes an open task due now.
func (c *call) retryTask() (answer, error) {
	if err := c.nothing(); err != nil {
		return answer{}, err
	}
	a, err := c.steerTask(tasks.RetryNow)
	if err == nil && c.Wake != nil {
		c.Wake()
	}
	return a, err
}

// A resolution is the body of POST /tasks/{id}/resolve.
type resolution struct {
	Outcome tasks.Outcome `json:"outcome"`
}

// resolveTask settles a suspect slot by the outcome that the operator has found out.
func (c *call) resolveTask() (answer, error) {
	body, err := decode[resolution](c)
	if err != nil {
		return answer{}, err
	}
	return c.steerTask(func(v tasks.Snapshot, id string) (tasks.Change, error) { return tasks.Resolve(v, body.Outcome, id) })
}

// releaseTask gives back the slot that a task has consumed.
func (c *call) releaseTask() (answer, error) {
	if err := c.nothing(); err != nil {
		return answer{}, err
	}
	return c.steerTask(tasks.Release)
}

// steerTask applies an admin action to a task and returns the changed task.
func (c *call) steerTask(decide decision) (answer, error) {
	read := func(ctx context.Context) (tasks.Snapshot, error) { return c.task(ctx, c.variable) }
	v, err := c.steer(read, decide)
	if v.Task != nil {
		c.about = []slog.Attr{slog.String("task", v.Task.ID), slog.String("key", v.Task.Code.Fingerprint())}
	}
	if err != nil {
		return answer{}, err
	}
	return found(view.NewTask(*v.Task))
}
