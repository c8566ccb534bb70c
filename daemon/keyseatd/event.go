package main

import "github.com/keyseat/keyseat/daemon/shown"

const eventHeader = "AT EVENT TASK? KIND OUTCOME PLAN~ FROM? TO? NOTE~"

// An eventLine is an event of a key's history, as a row of a list.
type eventLine struct{ shown.Event }

func newEventLine(e shown.Event) eventLine { return eventLine{e} }

func (e eventLine) cells() []string {
	return []string{
		e.At.String(), string(e.Cause), e.Task, string(e.Kind), string(e.Outcome),
		e.Plan, string(e.From), string(e.To), e.Note,
	}
}
