package main

import (
	"context"
	"strconv"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// tasksList is the command keyseatd tasks list.
type tasksList struct {
	databaseFlag
	outputFlag
	State string `help:"List only those that are ${enum}." enum:"any,open,ended,suspect" default:"any"`
}

// Help explains the output and shows examples.
func (*tasksList) Help() string {
	return examples("On a narrow terminal what is less important is left out or cut; `--output json`, or a pipe, has everything.",
		"keyseatd tasks list --state open",
		"keyseatd tasks list --state suspect --output json")
}

// Run lists the tasks in the given state.
func (t *tasksList) Run(ctx context.Context, c stdio) error {
	filter := adminstore.AnyTask
	if t.State != "any" {
		filter = adminstore.TaskFilter(t.State)
	}
	return t.open(ctx, func(s *bunstore.Store) error {
		return list(c.out, t.outputFlag, taskHeader, mapped(allTasks(ctx, s, filter), newTaskRow))
	})
}

const taskHeader = "ID CODE~ KIND COUNTRY? STATE OUTCOME PLAN? SLOT? ASKED? CREATED? DUE? ENDED?"

// A taskRow is a task, as a row of a list.
type taskRow struct{ view.Task }

func newTaskRow(v tasks.Snapshot) taskRow { return taskRow{view.NewTask(*v.Task)} }

func (t taskRow) cells() []string {
	return []string{
		t.ID, string(t.Code), string(t.Kind), string(t.Country), string(t.State), string(t.Outcome),
		t.Plan, string(t.Slot), strconv.Itoa(t.Attempts), t.CreatedAt.String(), t.DueAt.String(), t.EndedAt.String(),
	}
}
