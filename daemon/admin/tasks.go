package admin

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

type taskPage struct {
	Tasks []view.Task `json:"tasks"`
	neighbors
}

// listTasks lists tasks. Only a client that may list whole codes gets whole codes.
func (c *call) listTasks() (response, error) {
	q := c.parseQuery(append(pageParams, "state", "outcome", "country", "plan", "key", "since", "until")...)
	p := c.page(q)
	f := adminstore.TaskFilter{
		State: adminstore.TaskState(q.values.Get("state")), Outcomes: oneOf(q, "outcome", tasks.AllOutcomes()),
		Country: parsed(q, "country", csvfile.ParseCountry), Plan: q.values.Get("plan"),
		Since: parsed(q, "since", csvfile.ParseTime), Until: parsed(q, "until", csvfile.ParseEnd),
	}
	if f.State != adminstore.AnyTask && !slices.Contains(adminstore.TaskStates(), f.State) {
		q.fail("state must be one of these: " + strings.Join(textsOf(adminstore.TaskStates()), " "))
	}
	var err error
	if key := q.values.Get("key"); key != "" {
		if f.Code, err = keys.ParseTyped(key); err != nil {
			q.fail("key must be a code")
		}
	}
	if p.After.At.IsZero() && !p.After.IsZero() {
		q.fail("after and before must be the next or previous of a page of tasks")
	}
	if q.err != nil {
		return response{}, q.err
	}
	list, err := c.AdminStore.Tasks(c.r.Context(), f, p)
	if err != nil {
		return response{}, err
	}
	c.discloseList(len(list.Entries))
	n, err := c.neighbors(list.Neighbors(p, f.Position))
	return okResponse(taskPage{c.shownTasks(list.Entries), n}, err)
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

func (c *call) taskAttrs(t tasks.Task) []slog.Attr {
	return []slog.Attr{slog.String("task", t.ID), slog.String("key", c.fingerprint(t.Code))}
}

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
