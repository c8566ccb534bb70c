package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

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

type keysGenerate struct {
	databaseFlag
	Count int    `help:"Number of codes, up to a million." required:"" placeholder:"N" validate:"min=1,max=1000000"`
	Order string `help:"The id of the order for these keys." placeholder:"ID" validate:"text"`
}

// Run issues codes. It prints the codes after they are stored, because a code that is sold must exist in the store.
func (k *keysGenerate) Run(ctx context.Context, c stdio) error {
	return k.create(ctx, func(s *bunstore.Store) error {
		fresh := daemon.IssueKeys(k.Count, k.Order, time.Now())
		batch := adminstore.ImportBatch{ID: operatorEngine(s).NewID(), Type: tasks.EventIssued, Note: actorNote()}
		find := "`keyseatd keys export --batch " + batch.ID + "` prints them, and `keyseatd keys revoke` revokes one"
		if err := s.ImportKeys(ctx, batch, seq.All(fresh)); err != nil {
			return fmt.Errorf("%w; if the keys are stored nevertheless, %s", err, find)
		}
		c.audit(ctx, s, "keys generate", len(fresh), slog.String("order", k.Order))
		codes := make([]string, len(fresh))
		for i, key := range fresh {
			codes[i] = string(key.Code)
		}
		return c.printStored(fmt.Sprintf("%d keys are stored", len(fresh)), find, codes...)
	})
}

type keysImport struct {
	databaseFlag
	File   string `arg:"" help:"A CSV file whose first line names its columns; - is standard input."`
	DryRun bool   `help:"Store nothing. Read the whole file and print every error in it."`
}

func (k *keysImport) Run(ctx context.Context, c stdio) error {
	if k.DryRun {
		return k.dryRun(ctx, c)
	}
	file, err := c.open(ctx, k.File)
	if err != nil {
		return err
	}
	n, batch := 0, adminstore.ImportBatch{Type: tasks.EventImported, Note: actorNote()}
	err = k.create(ctx, func(s *bunstore.Store) error {
		batch.ID = operatorEngine(s).NewID()
		table := csvfile.New(file)
		counted := seq.Map(table.Keys(), func(k keys.Key) keys.Key {
			n++
			return k
		})
		err := table.LineOf(s.ImportKeys(ctx, batch, counted))
		if err == nil {
			c.record(ctx, s, "keys import", slog.Int("count", n))
		}
		return err
	})
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return c.done(fmt.Sprintf("imported: %d keys", n), "`keyseatd keys export --batch "+batch.ID+"` prints them")
}

// dryRun prints the errors that an import of the file would have. It stores nothing. If the SQLite file does not
// exist, no key is stored, and dryRun does not create the file.
func (k *keysImport) dryRun(ctx context.Context, c stdio) error {
	if terminal.Width(c.out) > 0 {
		c.err = io.Discard // a progress bar would mix with the printed errors
	}
	file, err := c.open(ctx, k.File)
	if err != nil {
		return err
	}
	table := csvfile.New(file)
	if k.missing() {
		err = table.DryRun(ctx, c.out, nil)
	} else {
		err = k.open(ctx, func(s *bunstore.Store) error { return table.DryRun(ctx, c.out, s.Snapshots) })
	}
	return errors.Join(err, file.Close())
}

type keysExport struct {
	databaseFlag
	Batch       string `help:"Only the keys of this import or generation." placeholder:"ID" validate:"text"`
	Spreadsheet bool   `help:"Print CSV that is safe to open in a spreadsheet, but cannot be imported."`
}

// Run prints the keys as CSV. It logs how many codes it printed, even if it fails.
func (k *keysExport) Run(ctx context.Context, c stdio) error {
	return k.open(ctx, func(s *bunstore.Store) error {
		found, err := k.keys(ctx, s)
		if err != nil {
			return err
		}
		n := 0
		defer func() { c.auditOutput(ctx, s, "keys export", n) }()
		progress := c.err
		if terminal.Width(c.out) > 0 {
			progress = io.Discard // on a terminal, a bar would mix with the rows
		}
		bar := terminal.NewRowBar(progress, "exporting")
		defer bar.Clear()
		found = seq.Map(found, func(k keys.Key) keys.Key {
			n++
			bar.Add(1)
			return k
		})
		out := bufio.NewWriter(c.out)
		if err := csvfile.WriteKeys(out, found, k.Spreadsheet); err != nil {
			return err
		}
		return out.Flush()
	})
}

// keys returns the keys of the batch, or all keys without --batch. A batch without keys is an error,
// because the id is probably mistyped.
func (k *keysExport) keys(ctx context.Context, s *bunstore.Store) (iter.Seq2[keys.Key, error], error) {
	if k.Batch == "" {
		all := listKeys(ctx, s, adminstore.KeyFilter{}, adminstore.Page{Limit: pageSize})
		return seq.Map(all, func(v tasks.Snapshot) keys.Key { return v.Key }), nil
	}
	all, err := s.Batch(ctx, k.Batch)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("batch %s has no keys", k.Batch)
	}
	return seq.All(all), err
}

type keysShow struct {
	keyArg
	outputFlag
}

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
		return k.print(c.out, view.NewKeyDetail(v, history))
	})
}

func (k *keysShow) print(w io.Writer, key view.KeyDetail) error {
	if k.Output == terminal.JSON {
		return terminal.PrintJSON(w, key)
	}
	width := terminal.Width(w)
	if _, err := io.WriteString(w, keyFields(key, width)+explanation(key.Explanation, width)); err != nil {
		return err
	}
	return terminal.PrintList(w, k.Output, eventTable, seq.All(key.History))
}

// keyFields returns the non-empty fields of the key for a person. Lines have up to width columns.
func keyFields(k view.KeyDetail, width int) string {
	var b strings.Builder
	for _, f := range []struct{ name, value string }{
		{"code", string(k.Code)},
		{"status", string(k.Status)},
		{"used", yesNo(k.Used)},
		{"revoked", yesNo(k.Revoked)},
		{"message", k.Message},
		{"order", k.OrderID},
		{"purchased", k.PurchaseDate.String()},
		{"last used", k.UsedDate.String()},
		{"invite", k.Invite},
		{"address", k.Address},
		{"username", k.Username},
		{"verify address", k.VerifyAddress},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "%-14s  %s\n", f.name, terminal.Wrap(terminal.Printable(f.value), width, strings.Repeat(" ", 16)))
		}
	}
	return b.String()
}

// explanation returns an explanation for a person: the state of the key and the possible actions. Lines have up to
// width columns.
func explanation(e view.Explanation, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n", terminal.Wrap(terminal.Printable(e.Now), width, ""))
	for _, next := range e.Next {
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
