package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/daemon/doctor"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

type doctorCmd struct {
	databaseList
	Repair         bool   `help:"Make the repairs that are safe."`
	MasterKeyFile  string `placeholder:"FILE" help:"Keys that encrypt secrets. With them, the doctor also checks that the secrets of open tasks can be opened."`
	AdminTokenFile string `placeholder:"FILE" help:"Tokens of the admin API. The doctor warns of those that have expired, or expire within 14 days."`
}

// staleLease is how long ago a lease must have ended before the doctor reports it. A running daemon leases such a task
// again much sooner.
const staleLease = 10 * time.Minute

// Run prints the findings. It returns an error if there are findings that it has not repaired.
func (d *doctorCmd) Run(ctx context.Context, c stdio) error {
	var ring *keyring.Ring
	var sealer tasks.Sealer // nil: the doctor does not check secrets
	if d.MasterKeyFile != "" {
		var err error
		if ring, err = keyring.Open(d.MasterKeyFile); err != nil {
			return err
		}
		sealer = ring
	}
	return d.open(ctx, func(s *bunstore.Store) error {
		doc := doctor.Doctor{Store: s, Sealer: sealer, Stale: staleLease, NewID: operatorEngine(s).NewID, Actor: actor()}
		examine := doc.Examine
		if d.Repair {
			examine = doc.Repair
			ignoreSIGPIPE()
		}
		left, done := 0, 0
		defer func() { c.audit(ctx, s, "doctor --repair", done) }()
		err := d.print(c.out, findingRows(examine(ctx), &left, &done))
		switch {
		case err != nil && d.Repair:
			return fmt.Errorf("%w; what was repaired before stays so: `keyseatd doctor` shows what is left", err)
		case err != nil:
			return err
		}
		printTransport(s, c.err)
		if err := errors.Join(printDurability(ctx, s, c.err), printTokens(d.AdminTokenFile, c)); err != nil {
			return err
		}
		if ring != nil {
			printMasterKeyAge(ring, c.err)
		}
		if left > 0 {
			return fmt.Errorf("%d problems left", left)
		}
		return nil
	})
}

// findingRows yields the findings as rows. It counts the repaired findings in done, and the other findings in left.
func findingRows(found iter.Seq2[doctor.Finding, error], left, done *int) iter.Seq2[findingRow, error] {
	return seq.Map(found, func(f doctor.Finding) findingRow {
		if f.Done == "" {
			*left++
		} else {
			*done++
		}
		a := f.Advice()
		return findingRow{f.Code, f.Key, f.Task, f.Plan, f.Country, f.Found, a.Means, a.Repair, a.Decide, f.Done}
	})
}

func (d *doctorCmd) print(w io.Writer, found iter.Seq2[findingRow, error]) error {
	if d.Output == terminal.JSON {
		return terminal.PrintArray(w, found)
	}
	out := bufio.NewWriter(w)
	n := 0
	for f, err := range found {
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		n++
		f.print(out)
	}
	if n == 0 {
		_, _ = fmt.Fprintln(out, "nothing is wrong") // Flush returns the error of this write
	}
	return out.Flush()
}

type findingRow struct {
	Code doctor.Code `json:"code"`
	Key  keys.Code   `json:"key"`
	Task string      `json:"task"`
	Plan string      `json:"plan"`

	Country stock.Country `json:"country"`

	Found  string `json:"found"`
	Means  string `json:"means"`
	Repair string `json:"repair"` // "" if no repair exists
	Decide string `json:"decide"`
	Done   string `json:"done"` // "" if not repaired
}

// print writes the finding as a paragraph for a person.
func (f findingRow) print(w io.Writer) {
	title := string(f.Code)
	for _, where := range [][2]string{{"key", string(f.Key)}, {"task", f.Task}, {"plan", f.Plan}, {"country", string(f.Country)}} {
		if where[1] != "" {
			title += ", " + where[0] + " " + where[1]
		}
	}
	_, _ = fmt.Fprintln(w, terminal.Printable(title)) // bufio.Writer keeps the error until Flush
	for _, line := range [][2]string{
		{"found", f.Found},
		{"means", f.Means},
		{"repair", f.Repair},
		{"you", f.Decide},
		{"done", f.Done},
	} {
		if line[1] != "" && (line[0] != "repair" || f.Done == "") {
			_, _ = fmt.Fprintf(w, "  %-8s%s\n", line[0]+":", terminal.Printable(line[1]))
		}
	}
	_, _ = fmt.Fprintln(w)
}
