package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// plansCmd groups the commands on plans.
type plansCmd struct {
	Import  plansImport  `cmd:"" help:"Import plans from a CSV file, all or none. Update the plans with a known id."`
	List    plansList    `cmd:"" help:"List all plans in the order of import."`
	Retire  plansRetire  `cmd:"" help:"Take a plan out of stock."`
	Release plansRelease `cmd:"" help:"Free the slot of a member who has left the plan."`
}

// plansImport is the command keyseatd plans import.
type plansImport struct {
	databaseFlag
	File string `arg:"" help:"A CSV file whose first line names its columns; - is standard input."`
}

// Help lists the columns and shows examples.
func (*plansImport) Help() string {
	return examples(fmt.Sprintf(csvHelp+"The columns, of which id, country and slots are required: %s. A plan with a known id is updated and put back in stock. "+
		"An absent column keeps its value. A date as expires_at lasts until the end of that day in UTC: "+
		"2027-01-31 is the same as 2027-02-01T00:00:00Z.", strings.Join(csvfile.PlanColumns(), ", ")),
		"keyseatd plans import plans.csv",
		`printf 'id,country,slots\np1,US,5\n' | keyseatd plans import -`)
}

// Run imports all plans of the file, or none.
func (p *plansImport) Run(ctx context.Context, c stdio) error {
	edits, table, err := p.read(ctx, c)
	if err != nil {
		return err
	}
	err = p.create(ctx, func(s *bunstore.Store) error { return table.LineOf(s.EditPlans(ctx, edits)) })
	if err != nil {
		return err
	}
	c.audit(ctx, "plans import", len(edits))
	plans := "plans"
	if len(edits) == 1 {
		plans = "plan"
	}
	return c.done(fmt.Sprintf("imported: %d %s", len(edits), plans), hintPlans+", and importing the same file again changes nothing")
}

// read reads the whole file. It runs before the database is created.
func (p *plansImport) read(ctx context.Context, c stdio) ([]stock.PlanEdit, *csvfile.Reader, error) {
	file, err := c.open(ctx, p.File)
	if err != nil {
		return nil, nil, err
	}
	table := csvfile.New(file)
	edits, err := table.Plans()
	return edits, table, errors.Join(err, file.Close())
}

// plansList is the command keyseatd plans list.
type plansList struct {
	databaseFlag
	outputFlag
}

// Help explains the output and shows examples.
func (*plansList) Help() string {
	return examples(narrowHelp,
		"keyseatd plans list",
		"keyseatd plans list --output json")
}

// narrowHelp explains how a table fits a terminal.
const narrowHelp = "On a narrow terminal, the table omits or truncates less important columns. `--output json`, or a pipe, has everything."

// Run lists all plans.
func (p *plansList) Run(ctx context.Context, c stdio) error {
	return p.open(ctx, func(s *bunstore.Store) error {
		now := time.Now()
		plans := seq.Map(allPlans(ctx, s), func(p stock.Plan) view.Plan { return view.NewPlan(p, now) })
		return terminal.PrintList(c.out, p.Output, planTable, plans)
	})
}

var planTable = terminal.Layout[view.Plan]{
	Header: "ID COUNTRY STATE SLOTS FREE HELD SPENT SUSPECT EXPIRES? ADDRESS~",
	Cells: func(p view.Plan) []string {
		return []string{
			p.ID, string(p.Country), p.State, strconv.Itoa(p.Slots), strconv.Itoa(p.Free), strconv.Itoa(p.Held),
			strconv.Itoa(p.Spent), strconv.Itoa(p.Suspect), p.ExpiresAt.String(), p.Address,
		}
	},
}

// plansRetire is the command keyseatd plans retire.
type plansRetire struct {
	databaseFlag
	ID string `arg:"" help:"The plan's id."`
}

// Help explains the effect and shows an example.
func (*plansRetire) Help() string {
	return examples("Open tasks keep their slots. A plan that is imported again is back in stock.",
		"keyseatd plans retire plan-1")
}

// Run retires the plan. Importing the plan again puts it back in stock.
func (p *plansRetire) Run(ctx context.Context, c stdio) error {
	err := p.open(ctx, func(s *bunstore.Store) error {
		return s.EditPlans(ctx, []stock.PlanEdit{{ID: p.ID, Retire: true}})
	})
	if row, is := errors.AsType[adminstore.RowError](err); is { // the row number is omitted, because there is only one row
		return row.Err
	}
	if err != nil {
		return err
	}
	c.audit(ctx, "plans retire", 1)
	return c.done("the plan is retired", hintPlans+", `keyseatd plans import` puts it back in stock")
}

// plansRelease is the command keyseatd plans release.
type plansRelease struct {
	databaseFlag
	Task string `arg:"" help:"The id of the task that has spent the slot."`
}

// Help explains when to use the command and shows an example.
func (*plansRelease) Help() string {
	return examples("A slot that an upgrade has spent stays spent until the member has left the plan. Only the provider "+
		"knows that, so check there first. The key does not change. `keyseatd keys show` shows the id of the task.",
		"keyseatd plans release K7QZ3M2XW5R6T4B3NHJ5VCEDYA")
}

// Run releases the slot.
func (p *plansRelease) Run(ctx context.Context, c stdio) error {
	return p.updateTask(ctx, c, p.Task, tasks.Release, "the slot is free again", hintPlans)
}

// stockCmd is the command keyseatd stock.
type stockCmd struct {
	databaseFlag
	outputFlag
}

// Help explains idle slots and shows examples.
func (*stockCmd) Help() string {
	return examples("Idle slots are free slots of plans that are retired, expired or faulty.",
		"keyseatd stock",
		"keyseatd stock --output json")
}

// Run prints the slots of every country with a plan.
func (k *stockCmd) Run(ctx context.Context, c stdio) error {
	return k.open(ctx, func(s *bunstore.Store) error {
		levels, err := operatorEngine(s).Stock(ctx)
		if err != nil {
			return err
		}
		views := seq.Map(seq.All(levels), func(l stock.Level) view.Level { return view.Level(l) })
		return terminal.PrintList(c.out, k.Output, stockTable, views)
	})
}

var stockTable = terminal.Layout[view.Level]{
	Header: "COUNTRY SIZE FREE HELD SPENT SUSPECT IDLE",
	Cells: func(l view.Level) []string {
		return []string{
			string(l.Country), strconv.Itoa(l.Size), strconv.Itoa(l.Free), strconv.Itoa(l.Held),
			strconv.Itoa(l.Spent), strconv.Itoa(l.Suspect), strconv.Itoa(l.Idle),
		}
	},
}
