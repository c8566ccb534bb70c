package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// keysShow is keyseatd keys show.
type keysShow struct {
	databaseFlag
	outputFlag
	Code string `arg:"" help:"The key's code."`
}

// Run shows the key.
func (k *keysShow) Run(ctx context.Context, c console) error {
	code, err := keys.ParseTyped(k.Code)
	if err != nil {
		return err
	}
	return k.open(ctx, func(s *bunstore.Store) error {
		v, err := desk(s).View(ctx, code)
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
		return k.print(c.out, newKeyPage(v, history))
	})
}

func (k *keysShow) print(w io.Writer, page keyPage) error {
	if k.Output == "json" {
		object, err := object(page)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", object)
		return err
	}
	if err := page.print(w); err != nil {
		return err
	}
	return list(w, k.outputFlag, eventHeader, each(page.History))
}

// A keyPage is all that is known of a key.
type keyPage struct {
	Code          keys.Code   `json:"code"`
	Status        keys.Status `json:"status"`
	Used          bool        `json:"used"`
	Revoked       bool        `json:"revoked"`
	Message       string      `json:"message"`
	OrderID       string      `json:"order_id"`
	PurchaseDate  moment      `json:"purchase_date"`
	UsedDate      moment      `json:"used_date"`
	Invite        string      `json:"invite"`
	Address       string      `json:"address"`
	Username      string      `json:"username"`
	VerifyAddress string      `json:"verify_address"`
	Task          *taskLine   `json:"task"`
	History       []eventLine `json:"history"`
}

func newKeyPage(v tasks.View, history []tasks.Event) keyPage {
	k := v.Key
	page := keyPage{
		Code: k.Code, Status: k.Status, Used: k.Used, Revoked: k.Revoked, Message: k.Message, OrderID: k.OrderID,
		PurchaseDate: moment(k.PurchaseDate), UsedDate: moment(k.UsedDate), Invite: k.Invite, Address: k.Address,
		Username: k.Username, VerifyAddress: k.VerifyAddress, History: []eventLine{},
	}
	if v.Task != nil {
		page.Task = new(newTaskLine(v))
	}
	for _, e := range history {
		page.History = append(page.History, newEventLine(e))
	}
	return page
}

// print shows what there is of the key's fields to a person.
func (p keyPage) print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range []struct{ name, value string }{
		{"code", string(p.Code)},
		{"status", string(p.Status)},
		{"used", yes(p.Used)},
		{"revoked", yes(p.Revoked)},
		{"message", p.Message},
		{"order", p.OrderID},
		{"purchased", p.PurchaseDate.String()},
		{"last used", p.UsedDate.String()},
		{"invite", p.Invite},
		{"address", p.Address},
		{"username", p.Username},
		{"verify address", p.VerifyAddress},
	} {
		if f.value == "" {
			continue
		}
		if _, err := fmt.Fprintf(out, "%s\t%s\n", f.name, printable(f.value)); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(out); err != nil {
		return err
	}
	return out.Flush()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
