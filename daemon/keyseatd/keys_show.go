package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// keysShow is the command keyseatd keys show.
type keysShow struct {
	keyArg
	outputFlag
}

// Help explains the output and shows examples.
func (*keysShow) Help() string {
	return examples("It shows the fields of the key, its state in words, the possible actions, and every change of its history. "+
		"A generated code is accepted as people paste it: in lower case, without dashes or with others, "+
		"with O for 0 and I or L for 1, and with quotes around it.",
		"keyseatd keys show 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KN",
		"keyseatd keys show --output json 0v3xk9qz7m1h2abcd4efgj5kn",
		"keyseatd keys show -- -a-code-that-begins-with-a-dash")
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
			return tasks.ErrNoKey
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

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
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
