package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks"
)

// A bulk is an action on several objects of a list. It has two steps: the first one asks for confirmation.
type bulk struct {
	action
	IDs      []string // ids, or references to keys
	Allowed  bool     // the role of the operator allows the action
	Outcomes []tasks.Outcome
	Back     string
	Error    string

	Tried    bool
	Done     int
	Failures []failure
}

// A failure says why the action failed for an object.
type failure struct{ Subject, Reason string }

// Heading returns the heading of the page, such as "Revoke 40 keys?" before the action.
func (b bulk) Heading() string {
	text := strings.TrimSuffix(b.Button, " now")
	if len(b.IDs) == 0 {
		return text
	}
	text += " " + formatNumber(len(b.IDs)) + " " + b.Noun
	if len(b.IDs) != 1 {
		text += "s"
	}
	if !b.Tried {
		text += "?"
	}
	return text
}

// bulkAction handles both steps.
func (r *request) bulkAction() error {
	form := r.req.PostForm
	a, is := findAction(form.Get("noun"), form.Get("verb"))
	if !is || a.Question == "" {
		return errNotFound
	}
	b := bulk{action: a, IDs: form["id"], Allowed: r.token.Role.Allows(a.role()), Back: "/console/" + a.Noun + "s"}
	if form.Get("all") != "" {
		b.IDs = strings.Split(form.Get("page"), ",")
	}
	if a.Verb == "resolve" {
		b.Outcomes = tasks.Outcomes(tasks.Upgrade) // only an upgrade has a slot
	}
	status := http.StatusOK
	switch {
	case len(b.IDs) == 0 || len(b.IDs) > pageSize:
		b.IDs, b.Error, status = nil, "Select one or more lines of the list first.", http.StatusUnprocessableEntity
	case !b.Allowed:
		status = http.StatusForbidden
	case form.Get("step") != "":
		if err := r.doBulk(&b, form.Get("outcome")); err != nil {
			return err
		}
	}
	return r.render(status, page{"bulk", a.Button, a.Noun + "s", b})
}

// doBulk performs the action on each object through the admin API. It continues after an object that does not allow the
// action.
func (r *request) doBulk(b *bulk, outcome string) error {
	b.Tried = true
	for _, id := range b.IDs {
		target, subject := id, id
		if b.Noun == "key" {
			code, err := view.OpenCode(r.Engine.Sealer, id)
			if err != nil {
				return tasks.ErrNoKey
			}
			target, subject = string(code), string(view.Mask(code))
		}
		err := r.act(b.action, target, outcome)
		if e, is := errors.AsType[apiError](err); is {
			b.Failures = append(b.Failures, failure{subject, e.Message()})
			continue
		}
		if err != nil {
			return err
		}
		b.Done++
	}
	return nil
}
