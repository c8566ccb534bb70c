package main

import (
	"context"
	"errors"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

type findCmd struct {
	databaseList
	Text string `arg:"" help:"A code, an order, a username, or the id of a task or plan; whole, or its beginning."`
}

type match struct {
	By       string      `json:"by"` // code, order, username, task or plan
	Code     keys.Code   `json:"code"`
	Status   keys.Status `json:"status"`
	OrderID  string      `json:"order_id"`
	Username string      `json:"username"`
	Task     string      `json:"task"`
	Plan     string      `json:"plan"`
}

var matchTable = terminal.Layout[match]{
	Header: "BY CODE STATUS ORDER~ USERNAME~? TASK? PLAN?",
	Cells: func(m match) []string {
		return []string{m.By, string(m.Code), string(m.Status), m.OrderID, m.Username, m.Task, m.Plan}
	},
}

const searchLimit = 20 // the maximum number of results of each kind

// Run prints what the search has found. It logs how many codes it printed.
func (f *findCmd) Run(ctx context.Context, c stdio) error {
	return f.open(ctx, func(s *bunstore.Store) error {
		found, err := s.Search(ctx, adminstore.ParseSearch(f.Text, true, searchLimit))
		if err != nil {
			return err
		}
		all := matches(found)
		if len(all) == 0 {
			return errors.New("nothing matches: a code is found by its whole text, its beginning or its last group, everything else by its beginning")
		}
		defer c.auditOutput(ctx, s, "find", len(all)-len(found.Plans))
		return terminal.PrintList(c.out, f.Output, matchTable, seq.All(all))
	})
}

func matches(found adminstore.Found) (all []match) {
	for _, part := range []struct {
		by    string
		views []tasks.Snapshot
	}{{"code", found.Codes}, {"order", found.Orders}, {"username", found.Usernames}, {"task", found.Tasks}} {
		for _, v := range part.views {
			m := match{By: part.by, Code: v.Key.Code, Status: v.Key.Status, OrderID: v.Key.OrderID, Username: v.Key.Username}
			if v.Task != nil {
				m.Task, m.Plan = v.Task.ID, v.Task.Plan.ID
			}
			all = append(all, m)
		}
	}
	for _, p := range found.Plans {
		all = append(all, match{By: "plan", Plan: p.ID})
	}
	return all
}
