package main

import (
	"context"
	"strconv"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// tasksCmd groups the commands on tasks.
type tasksCmd struct {
	List    tasksList    `cmd:"" help:"List tasks, the oldest first."`
	Retry   tasksRetry   `cmd:"" help:"Make an open task due now."`
	Resolve tasksResolve `cmd:"" help:"Resolve the suspect slot of a task."`
}

// tasksList is the command keyseatd tasks list.
type tasksList struct {
	databaseFlag
	outputFlag
	State string `help:"List only tasks in this state: ${enum}." enum:"any,open,ended,suspect" default:"any"`
}

// Help explains the output and shows examples.
func (*tasksList) Help() string {
	return examples(narrowHelp,
		"keyseatd tasks list --state open",
		"keyseatd tasks list --state suspect --output json")
}

// Run lists the tasks in the given state. It logs how many codes it printed.
func (t *tasksList) Run(ctx context.Context, c stdio) error {
	var filter adminstore.TaskFilter
	if t.State != "any" {
		filter.State = adminstore.TaskState(t.State)
	}
	return t.open(ctx, func(s *bunstore.Store) error {
		n := 0
		defer func() { c.audit(ctx, "tasks list", n) }()
		views := seq.Map(listTasks(ctx, s, filter, adminstore.Oldest), func(v tasks.Snapshot) view.Task {
			n++
			return view.NewTask(*v.Task)
		})
		return terminal.PrintList(c.out, t.Output, taskTable, views)
	})
}

var taskTable = terminal.Layout[view.Task]{
	Header: "ID CODE~ KIND COUNTRY? STATE OUTCOME PLAN? SLOT? ASKED? CREATED? DUE? ENDED?",
	Cells: func(t view.Task) []string {
		return []string{
			t.ID, string(t.Code), string(t.Kind), string(t.Country), string(t.State), string(t.Outcome),
			t.Plan, string(t.Slot), strconv.Itoa(t.Attempts), t.CreatedAt.String(), t.DueAt.String(), t.EndedAt.String(),
		}
	},
}

// tasksRetry is the command keyseatd tasks retry.
type tasksRetry struct {
	databaseFlag
	ID string `arg:"" help:"The task's id."`
}

// Help shows an example.
func (*tasksRetry) Help() string {
	return examples("", "keyseatd tasks retry K7QZ3M2XW5R6T4B3NHJ5VCEDYA")
}

// Run makes the task due now.
func (t *tasksRetry) Run(ctx context.Context, c stdio) error {
	return t.updateTask(ctx, c, t.ID, tasks.RetryNow, "the task is due now", hintTask)
}

// tasksResolve is the command keyseatd tasks resolve.
type tasksResolve struct {
	databaseFlag
	ID      string `arg:"" help:"The task's id."`
	Outcome string `help:"The actual outcome at the provider: ${enum}. Success spends the slot, any other frees it." required:"" enum:"${outcomes}" placeholder:"OUTCOME"`
}

// Help explains suspect slots and shows examples.
func (*tasksResolve) Help() string {
	return examples("A slot is suspect if the provider may have carried out an upgrade, but the daemon got no answer. Check at the provider first.",
		"keyseatd tasks list --state suspect",
		"keyseatd tasks resolve K7QZ3M2XW5R6T4B3NHJ5VCEDYA --outcome success",
		"keyseatd tasks resolve K7QZ3M2XW5R6T4B3NHJ5VCEDYA --outcome system_error")
}

// Run resolves the suspect slot of the task. It also updates the key, if the task is the key's latest.
func (t *tasksResolve) Run(ctx context.Context, c stdio) error {
	resolve := func(v tasks.Snapshot, id string) (tasks.Change, error) {
		return tasks.Resolve(v, tasks.Outcome(t.Outcome), id)
	}
	return t.updateTask(ctx, c, t.ID, resolve, "the task is resolved as "+t.Outcome, hintTask)
}
