package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// keysShow is the command keyseatd keys show.
type keysShow struct {
	databaseFlag
	outputFlag
	Code string `arg:"" help:"The key's code."`
}

// Help explains the output and shows examples.
func (*keysShow) Help() string {
	return examples("What is known of the key, how it stands in words, what can be done about it, and every change that it "+
		"went through. A code of our own format is read as people paste it: in lower case, without dashes or with others, "+
		"with O for 0 and I or L for 1, with quotes around it.",
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

func (k *keysShow) print(w io.Writer, page keyReport) error {
	if k.Output == "json" {
		object, err := object(page)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", object)
		return err
	}
	if _, err := io.WriteString(w, page.fields(terminalWidth(w))+page.explanation(terminalWidth(w))); err != nil {
		return err
	}
	return list(w, k.outputFlag, eventHeader, mapped(each(page.History), newEventRow))
}

// A keyReport is the output of the command: all facts about a key.
type keyReport struct{ view.KeyDetail }

// fields returns the non-empty fields of the key for a person. Lines have up to room columns.
func (p keyReport) fields(room int) string {
	var b strings.Builder
	for _, f := range []struct{ name, value string }{
		{"code", string(p.Code)},
		{"status", string(p.Status)},
		{"used", yesNo(p.Used)},
		{"revoked", yesNo(p.Revoked)},
		{"message", p.Message},
		{"order", p.OrderID},
		{"purchased", p.PurchaseDate.String()},
		{"last used", p.UsedDate.String()},
		{"invite", p.Invite},
		{"address", p.Address},
		{"username", p.Username},
		{"verify address", p.VerifyAddress},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "%-14s  %s\n", f.name, wrap(printable(f.value), room, strings.Repeat(" ", 16)))
		}
	}
	return b.String()
}

// explanation returns the explanation of the key: its state and the possible actions. Lines have up to room
// columns.
func (p keyReport) explanation(room int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n", wrap(printable(p.Explanation.Now), room, ""))
	for _, next := range p.Explanation.Next {
		fmt.Fprintf(&b, "- %s\n", wrap(printable(next), room, "  "))
	}
	return b.String() + "\n"
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
