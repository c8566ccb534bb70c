package main

import (
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

const eventHeader = "AT EVENT TASK KIND OUTCOME PLAN FROM TO NOTE"

// An eventLine is a line of a key's history.
type eventLine struct {
	At      moment        `json:"at"`
	Cause   tasks.Cause   `json:"event"`
	Task    string        `json:"task"`
	Kind    tasks.Kind    `json:"kind"`
	Outcome tasks.Outcome `json:"outcome"`
	Plan    string        `json:"plan"`
	From    stock.State   `json:"from"`
	To      stock.State   `json:"to"`
	Note    string        `json:"note"`
}

func newEventLine(e tasks.Event) eventLine {
	return eventLine{moment(e.At), e.Cause, e.Task, e.Kind, e.Outcome, e.Plan, e.From, e.To, e.Note}
}

func (e eventLine) cells() []string {
	return []string{
		e.At.String(), string(e.Cause), e.Task, string(e.Kind), string(e.Outcome),
		e.Plan, string(e.From), string(e.To), e.Note,
	}
}
