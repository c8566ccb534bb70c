package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

type plansCmd struct {
	Import  plansImport  `cmd:"" help:"Import plans from a CSV file. Update the plans with a known id."`
	List    plansList    `cmd:"" help:"List all plans in the order of import."`
	Retire  plansRetire  `cmd:"" help:"Take a plan out of stock."`
	Restock plansRestock `cmd:"" help:"Put a plan back into stock: the console's Put back."`
	Release plansRelease `cmd:"" help:"Free the slot of a member who has left the plan."`
}

type plansImport struct {
	databaseFlag
	File string `arg:"" help:"A CSV file whose first line names its columns; - is standard input."`
}

// Run imports the plans of the file. It stores nothing if a row is invalid, see [csvfile.Reader.StorePlans].
func (p *plansImport) Run(ctx context.Context, c stdio) error {
	edits, table, err := p.read(ctx, c)
	if err != nil {
		return err
	}
	var done csvfile.PlanImport
	err = p.create(ctx, func(s *bunstore.Store) (err error) {
		done, err = table.StorePlans(ctx, s, edits, time.Now())
		c.audit(ctx, s, "plans import", done.Stored)
		return err
	})
	if err != nil {
		return err
	}
	plans := "plans"
	if len(edits) == 1 {
		plans = "plan"
	}
	return c.done(fmt.Sprintf("imported: %d %s%s", len(edits), plans, effects(done.Effects)), hintPlans+", and importing the same file again changes nothing")
}

func effects(counts map[string]int) (text string) {
	var parts []string
	for _, effect := range csvfile.PlanEffects() {
		if n := counts[effect]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, effect))
		}
	}
	if len(parts) > 0 {
		text = " (" + strings.Join(parts, ", ") + ")"
	}
	return text
}

// read reads the whole file. It runs before the database is created, so that an invalid file does not create a database.
func (p *plansImport) read(ctx context.Context, c stdio) ([]stock.PlanEdit, *csvfile.Reader, error) {
	file, err := c.open(ctx, p.File)
	if err != nil {
		return nil, nil, err
	}
	table := csvfile.New(file)
	edits, err := table.Plans()
	return edits, table, errors.Join(err, file.Close())
}

type plansList struct{ databaseList }

func (p *plansList) Run(ctx context.Context, c stdio) error {
	return p.open(ctx, func(s *bunstore.Store) error {
		now := time.Now()
		page := func(after int64, n int) ([]stock.Plan, error) { return s.Plans(ctx, after, n) }
		all := seq.Pages(0, pageSize, page, func(p stock.Plan) int64 { return p.Seq })
		plans := seq.Map(all, func(p stock.Plan) view.Plan { return view.NewPlan(p, now) })
		return terminal.PrintList(c.out, p.Output, planTable, plans)
	})
}

var planTable = terminal.Layout[view.Plan]{
	Header: "ID COUNTRY STATE SLOTS FREE HELD SPENT SUSPECT IDLE? EXPIRES? ADDRESS~",
	Cells: func(p view.Plan) []string {
		return []string{
			p.ID, string(p.Country), p.State, strconv.Itoa(p.Slots), strconv.Itoa(p.Free), strconv.Itoa(p.Held),
			strconv.Itoa(p.Spent), strconv.Itoa(p.Suspect), strconv.Itoa(p.Idle), p.ExpiresAt.String(), p.Address,
		}
	},
}

type planArg struct {
	databaseFlag
	ID string `arg:"" help:"The plan's id."`
}

type plansRetire struct{ planArg }

func (p *plansRetire) Run(ctx context.Context, c stdio) error {
	remedy := hintPlans + ", `keyseatd plans restock` puts it back"
	return p.change(ctx, c, "the plan is retired", remedy, func(s *bunstore.Store) error {
		return c.editPlan(ctx, s, "plans retire", stock.PlanEdit{ID: p.ID, Retire: true})
	})
}

// editPlan makes one edit and writes a line of the audit log. The error omits the row number, because there is only one
// row.
func (c stdio) editPlan(ctx context.Context, s *bunstore.Store, action string, e stock.PlanEdit) error {
	err := s.EditPlans(ctx, []stock.PlanEdit{e})
	if err == nil {
		c.audit(ctx, s, action, 1, slog.String("plan", e.ID))
	}
	if row, is := errors.AsType[adminstore.RowError](err); is {
		return row.Err
	}
	return err
}

type plansRestock struct{ planArg }

// Run puts the plan back into stock. It refuses a plan that has expired, because that plan would stay out of stock.
func (p *plansRestock) Run(ctx context.Context, c stdio) error {
	remedy := hintPlans + ", `keyseatd plans retire` takes it out"
	return p.change(ctx, c, "the plan is back in stock", remedy, func(s *bunstore.Store) error {
		switch found, err := s.PlansByID(ctx, []string{p.ID}); {
		case err != nil:
			return err
		case len(found) == 0:
			return stock.ErrPlan
		case found[0].HasExpired(time.Now()):
			return fmt.Errorf("the plan expired at %s: import it with a later expires_at, or with an empty one", view.Time{Time: found[0].ExpiresAt})
		}
		return c.editPlan(ctx, s, "plans restock", stock.PlanEdit{ID: p.ID})
	})
}

type plansRelease struct {
	databaseFlag
	Task string `arg:"" help:"The id of the task that has spent the slot."`
}

func (p *plansRelease) Run(ctx context.Context, c stdio) error {
	return p.updateTask(ctx, c, p.Task, update{"plans release", tasks.Release, "the slot is free again", hintPlans})
}

type stockCmd struct{ databaseList }

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
