package main

import (
	"context"
	"strconv"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// tasksList is keyseatd tasks list.
type tasksList struct {
	databaseFlag
	outputFlag
	State string `help:"List only those that are ${enum}." enum:"any,open,ended,suspect" default:"any"`
}

// Run lists the tasks in that state.
func (t *tasksList) Run(ctx context.Context, c console) error {
	filter := tasks.AnyTask
	if t.State != "any" {
		filter = tasks.Filter(t.State)
	}
	return t.open(ctx, func(s *bunstore.Store) error {
		return list(c.out, t.outputFlag, taskHeader, mapped(allTasks(ctx, s, filter), newTaskLine))
	})
}

const taskHeader = "ID CODE KIND COUNTRY STATE OUTCOME PLAN SLOT ASKED CREATED DUE ENDED"

// A taskLine is a task in a list; nothing of its account is in it. Its state is open, ended or
// suspect, which is ended with a slot to resolve.
type taskLine struct {
	ID      string        `json:"id"`
	Code    keys.Code     `json:"code"`
	Kind    tasks.Kind    `json:"kind"`
	Country stock.Country `json:"country"`
	State   tasks.Filter  `json:"state"`
	Outcome tasks.Outcome `json:"outcome"`
	Plan    string        `json:"plan"`
	Slot    stock.State   `json:"slot"`
	Asked   int           `json:"asked"`
	Doubt   bool          `json:"in_doubt"`
	Created moment        `json:"created"`
	Due     moment        `json:"due"`
	Leased  moment        `json:"leased_until"`
	Ended   moment        `json:"ended"`
}

func newTaskLine(v tasks.View) taskLine {
	t := *v.Task
	l := taskLine{
		ID: t.ID, Code: t.Code, Kind: t.Kind, Country: t.Country, State: taskState(t), Outcome: t.Outcome,
		Plan: t.Plan.ID, Slot: t.Slot, Asked: t.Asked + t.Lost, Doubt: t.Doubt || t.Lost > 0,
		Created: moment(t.Created), Leased: moment(t.Leased), Ended: moment(t.Ended),
	}
	if t.Open() {
		l.Due = moment(t.Due)
	}
	return l
}

// taskState is the narrowest filter that lets the task pass.
func taskState(t tasks.Task) tasks.Filter {
	for _, f := range []tasks.Filter{tasks.SuspectTask, tasks.OpenTask} {
		if f.Passes(t) {
			return f
		}
	}
	return tasks.EndedTask
}

func (t taskLine) cells() []string {
	return []string{
		t.ID, string(t.Code), string(t.Kind), string(t.Country), string(t.State), string(t.Outcome),
		t.Plan, string(t.Slot), strconv.Itoa(t.Asked), t.Created.String(), t.Due.String(), t.Ended.String(),
	}
}
