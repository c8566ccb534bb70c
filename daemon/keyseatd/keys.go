package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// keysCmd groups the commands on keys.
type keysCmd struct {
	Generate keysGenerate `cmd:"" help:"Generate new codes and print them, one per line."`
	Import   keysImport   `cmd:"" help:"Import keys from a CSV file, all or none."`
	Export   keysExport   `cmd:"" help:"Print all keys as CSV that can be imported again."`
	List     keysList     `cmd:"" help:"List keys by order, status, purchase date, country or plan."`
	Show     keysShow     `cmd:"" help:"Show the state of a key, the possible actions and its whole history."`
	Revoke   keysRevoke   `cmd:"" help:"Revoke a key. Its open task continues."`
	Restore  keysRestore  `cmd:"" help:"Reverse the revocation of a key."`
	Reset    keysReset    `cmd:"" help:"Make a key usable again, whatever its state."`
}

// keysGenerate is the command keyseatd keys generate.
type keysGenerate struct {
	databaseFlag
	Count int    `help:"Number of codes, up to a million." required:"" placeholder:"N" validate:"min=1,max=1000000"`
	Order string `help:"The id of the order for these keys." placeholder:"ID" validate:"text"`
}

// Run issues codes. It prints the codes after they are stored, because a code that is sold must exist in
// the store.
func (k *keysGenerate) Run(ctx context.Context, c stdio) error {
	return k.create(ctx, func(s *bunstore.Store) error {
		fresh := daemon.IssueKeys(k.Count, k.Order, time.Now())
		batch := adminstore.ImportBatch{ID: operatorEngine(s).NewID(), Type: tasks.EventIssued, Note: actorNote()}
		find := "`keyseatd keys export --batch " + batch.ID + "` prints them, and `keyseatd keys revoke` revokes one"
		if err := s.ImportKeys(ctx, batch, seq.All(fresh)); err != nil {
			return fmt.Errorf("%w; if the keys are stored nevertheless, %s", err, find)
		}
		c.audit(ctx, s, "keys generate", len(fresh), slog.String("order", k.Order))
		return c.printStored(fmt.Sprintf("%d keys are stored", len(fresh)), find, func(w io.Writer) error { return printCodes(w, fresh) })
	})
}

// printCodes prints the codes, one per line.
func printCodes(w io.Writer, all []keys.Key) error {
	out := bufio.NewWriter(w)
	for _, k := range all {
		if _, err := fmt.Fprintln(out, k.Code); err != nil {
			return err
		}
	}
	return out.Flush()
}

// keyArg selects a database and a key.
type keyArg struct {
	databaseFlag
	Code string `arg:"" help:"The key's code."`
}

// keysRevoke is the command keyseatd keys revoke.
type keysRevoke struct{ keyArg }

// Run revokes the key.
func (k *keysRevoke) Run(ctx context.Context, c stdio) error {
	return k.updateKey(ctx, c, k.Code, "keys revoke", tasks.Revoke, "the key is revoked", hintKey+", `keyseatd keys restore` reverses this")
}

// keysRestore is the command keyseatd keys restore.
type keysRestore struct{ keyArg }

// Run reverses the revocation of the key.
func (k *keysRestore) Run(ctx context.Context, c stdio) error {
	return k.updateKey(ctx, c, k.Code, "keys restore", tasks.Restore, "the key is no longer revoked", hintKey+", `keyseatd keys revoke` reverses this")
}

// keysReset is the command keyseatd keys reset.
type keysReset struct{ keyArg }

// Run makes the key usable again.
func (k *keysReset) Run(ctx context.Context, c stdio) error {
	return k.updateKey(ctx, c, k.Code, "keys reset", tasks.Reset, "the key is usable again", hintKey)
}

// keysShow is the command keyseatd keys show.
type keysShow struct {
	keyArg
	outputFlag
}

// Run prints the key.
func (k *keysShow) Run(ctx context.Context, c stdio) error {
	code, err := keys.ParseTyped(k.Code)
	if err != nil {
		return err
	}
	return k.open(ctx, func(s *bunstore.Store) error {
		v, err := operatorEngine(s).Snapshot(ctx, code)
		if err != nil {
			return err
		}
		if !v.Key.Exists() {
			return withFindHint(tasks.ErrNoKey)
		}
		history, err := s.History(ctx, code)
		if err != nil {
			return err
		}
		return k.print(c.out, keyReport{view.NewKeyDetail(v, history)})
	})
}

// print prints the report for people or as JSON.
func (k *keysShow) print(w io.Writer, report keyReport) error {
	if k.Output == terminal.JSON {
		return terminal.PrintJSON(w, report)
	}
	width := terminal.Width(w)
	if _, err := io.WriteString(w, report.fields(width)+report.explanation(width)); err != nil {
		return err
	}
	return terminal.PrintList(w, k.Output, eventTable, seq.All(report.History))
}

// A keyReport is the output of the command: all facts about a key.
type keyReport struct{ view.KeyDetail }

// fields returns the non-empty fields of the key for a person. Lines have up to width columns.
func (r keyReport) fields(width int) string {
	var b strings.Builder
	for _, f := range []struct{ name, value string }{
		{"code", string(r.Code)},
		{"status", string(r.Status)},
		{"used", yesNo(r.Used)},
		{"revoked", yesNo(r.Revoked)},
		{"message", r.Message},
		{"order", r.OrderID},
		{"purchased", r.PurchaseDate.String()},
		{"last used", r.UsedDate.String()},
		{"invite", r.Invite},
		{"address", r.Address},
		{"username", r.Username},
		{"verify address", r.VerifyAddress},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "%-14s  %s\n", f.name, terminal.Wrap(terminal.Printable(f.value), width, strings.Repeat(" ", 16)))
		}
	}
	return b.String()
}

// explanation returns the explanation of the key: its state and the possible actions. Lines have up to width
// columns.
func (r keyReport) explanation(width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n", terminal.Wrap(terminal.Printable(r.Explanation.Now), width, ""))
	for _, next := range r.Explanation.Next {
		fmt.Fprintf(&b, "- %s\n", terminal.Wrap(terminal.Printable(next), width, "  "))
	}
	return b.String() + "\n"
}

var eventTable = terminal.Layout[view.Event]{
	Header: "AT EVENT TASK? KIND OUTCOME PLAN~ FROM? TO? NOTE~",
	Cells: func(e view.Event) []string {
		return []string{
			e.At.String(), string(e.Type), e.Task, string(e.Kind), string(e.Outcome),
			e.Plan, string(e.From), string(e.To), e.Note,
		}
	},
}
