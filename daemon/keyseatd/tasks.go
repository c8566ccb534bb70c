package main

import (
	"context"
	"strconv"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// tasksCmd groups the commands on tasks.
type tasksCmd struct {
	List    tasksList    `cmd:"" help:"List tasks by state, outcome, country, plan or time."`
	Retry   tasksRetry   `cmd:"" help:"Make an open task due now."`
	Resolve tasksResolve `cmd:"" help:"Resolve the suspect slot of a task."`
}

// tasksList is the command keyseatd tasks list.
type tasksList struct {
	databaseFlag
	listFlags
	State   string   `help:"Only tasks in this state: ${enum}." enum:"any, open, waiting, running, retrying, ended, failed, suspect" default:"any"`
	Outcome []string `help:"Only tasks that ended with one of these outcomes: ${enum}." enum:"${outcomes}" placeholder:"OUTCOME"`
	Since   timeText `help:"Only tasks accepted then or later: a time or a date." placeholder:"TIME"`
	Until   endText  `help:"Only tasks accepted earlier: a time, or a date, of which the whole day counts." placeholder:"TIME"`
	Key     string   `help:"Only tasks of this key." placeholder:"CODE"`
}

// Run lists the tasks that match the flags. It logs how many codes it printed.
func (t *tasksList) Run(ctx context.Context, c stdio) (err error) {
	f := adminstore.TaskFilter{Country: stock.Country(t.Country), Plan: t.Plan, Since: t.Since.at, Until: t.Until.at}
	if t.State != "any" {
		f.State = adminstore.TaskState(t.State)
	}
	for _, o := range t.Outcome {
		f.Outcomes = append(f.Outcomes, tasks.Outcome(o))
	}
	if t.Key != "" {
		if f.Code, err = keys.ParseTyped(t.Key); err != nil {
			return err
		}
	}
	return t.open(ctx, func(s *bunstore.Store) error {
		n := 0
		defer func() { c.auditOutput(ctx, s, "tasks list", n) }()
		views := seq.Map(limited(t.Limit, listTasks(ctx, s, f, t.page()), &n), func(v tasks.Snapshot) view.Task { return view.NewTask(*v.Task) })
		return terminal.PrintList(c.out, t.Output, taskTable, views)
	})
}

var taskTable = terminal.Layout[view.Task]{
	Header: "ID CODE~ KIND COUNTRY? STATE OUTCOME PLAN? SLOT? ATTEMPTS? CREATED? DUE? ENDED?",
	Cells: func(t view.Task) []string {
		return []string{
			t.ID, string(t.Code), string(t.Kind), string(t.Country), string(t.State), string(t.Outcome),
			t.Plan, string(t.Slot), strconv.Itoa(t.Attempts), t.CreatedAt.String(), t.DueAt.String(), t.EndedAt.String(),
		}
	},
}

// taskArg selects a database and a task.
type taskArg struct {
	databaseFlag
	ID string `arg:"" help:"The task's id."`
}

// tasksRetry is the command keyseatd tasks retry.
type tasksRetry struct{ taskArg }

// Run makes the task due now.
func (t *tasksRetry) Run(ctx context.Context, c stdio) error {
	return t.updateTask(ctx, c, t.ID, "tasks retry", tasks.RetryNow, "the task is due now", hintTask)
}

// tasksResolve is the command keyseatd tasks resolve.
type tasksResolve struct {
	taskArg
	Outcome string `help:"The actual outcome at the provider: ${enum}. Success spends the slot, any other frees it." required:"" enum:"${outcomes}" placeholder:"OUTCOME"`
}

// Run resolves the suspect slot of the task. It also updates the key, if the task is the key's latest.
func (t *tasksResolve) Run(ctx context.Context, c stdio) error {
	resolve := func(v tasks.Snapshot, id string) (tasks.Change, error) {
		return tasks.Resolve(v, tasks.Outcome(t.Outcome), id)
	}
	return t.updateTask(ctx, c, t.ID, "tasks resolve", resolve, "the task is resolved as "+t.Outcome, hintTask)
}
