package main

import "github.com/keyseat/keyseat/daemon/view"

const eventHeader = "AT EVENT TASK? KIND OUTCOME PLAN~ FROM? TO? NOTE~"

// An eventRow is an event of a key's history, as a row of a list.
type eventRow struct{ view.Event }

func newEventRow(e view.Event) eventRow { return eventRow{e} }

func (e eventRow) cells() []string {
	return []string{
		e.At.String(), string(e.Type), e.Task, string(e.Kind), string(e.Outcome),
		e.Plan, string(e.From), string(e.To), e.Note,
	}
}
