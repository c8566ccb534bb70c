package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// An action is an operation of the admin API that changes one key, plan or task. The operator confirms it first.
type action struct {
	Noun, Verb   string // as in the path /admin/v1/{noun}s/{id}/{verb} of the admin API
	Button       string
	Question     string
	Consequences string // for the page that asks for confirmation
	Done         string // the message on the page after the action
	Danger       bool
	role         admin.Role // the role that the admin API requires
}

var actions = []action{
	{"key", "revoke", "Revoke", "Revoke this key?", "For its holder, the key no longer exists. An open task continues to its end. You can restore the key.", "The key is revoked.", true, admin.Write},
	{"key", "restore", "Restore", "Restore this key?", "The key gets the state that it had before it was revoked.", "The key is restored.", false, admin.Write},
	{"key", "reset", "Reset", "Reset this key?", "The key becomes usable again, whatever its state. The data of its last use is deleted, its history stays.", "The key is reset.", true, admin.Write},
	{"plan", "edit", "Edit", "", "", "The plan is saved.", false, admin.Write}, // asks no question, because an edit has a form of its own
	{"plan", "restock", "Put back", "Put this plan back into stock?", "Its free slots are sold again. If the provider still refuses the plan, it leaves the stock again.", "The plan is back in stock.", false, admin.Write},
	{"plan", "retire", "Retire", "Retire this plan?", "No more slots of the plan are sold. Held and spent slots stay as they are. You can put the plan back.", "The plan is retired.", true, admin.Write},
	{"task", "retry", "Retry now", "Make the next attempt of this task now?", "The task becomes due now, and a daemon calls the provider for it.", "The task is due now.", false, admin.Support},
	{"task", "resolve", "Resolve", "Resolve the suspect slot of this task?", "First check at the provider whether the account has joined the plan. If it has, choose success: the slot becomes spent. If not, choose the reason: the slot becomes free.", "The slot is resolved.", false, admin.Support},
	{"task", "release", "Release the slot", "Free the slot that this task has spent?", "Do this after the member has left the plan. The slot can then be sold again. The key does not change.", "The slot is free again.", true, admin.Write},
}

func findAction(noun, verb string) (action, bool) {
	i := slices.IndexFunc(actions, func(a action) bool { return a.Noun == noun && a.Verb == verb })
	if i < 0 {
		return action{}, false
	}
	return actions[i], true
}

// allowedActions returns the actions on a noun for which wanted[verb] is true, and which the operator's role allows.
func (r *request) allowedActions(noun string, wanted map[string]bool) (all []action) {
	for _, a := range actions {
		if a.Noun == noun && wanted[a.Verb] && r.token.Role.Allows(a.role) {
			all = append(all, a)
		}
	}
	return all
}

// IDParam returns the query parameter that identifies the object: "key" for a reference to a key, else "id".
func (a action) IDParam() string {
	if a.Noun == "key" {
		return "key"
	}
	return "id"
}

// URL returns the path of the page that asks for confirmation of the action on id.
func (a action) URL(id string) string {
	return "/console/" + a.Noun + "/" + a.Verb + "?" + a.IDParam() + "=" + url.QueryEscape(id)
}

// back returns the path of the page to show after the action: the object's own page, or the list of plans.
func (a action) back(id string) string {
	if a.Noun == "plan" {
		return "/console/plans"
	}
	return "/console/" + a.Noun + "?" + a.IDParam() + "=" + url.QueryEscape(id)
}

// A confirmation is the content of the page that asks the operator to confirm an action.
type confirmation struct {
	action
	ID       string // a reference to a key, or an id: the value of the form field [action.IDParam]
	Subject  string // the id, or the end of the key's code
	Allowed  bool   // the role of the operator allows the action
	Back     string
	Outcomes []tasks.Outcome // the possible choices, only for resolve
	Chosen   tasks.Outcome
	Error    string // why the action failed, "" before it is tried

	target string // the id, or the key's code
}

// confirmAction shows the page that asks for confirmation. It changes nothing.
func (r *request) confirmAction() error {
	c, err := r.confirmation(r.req.URL.Query())
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, page{"confirm", c.Question, c.Noun + "s", c})
}

// confirmation builds the confirmation for the action of the path and the object that form names. The error is
// errNotFound for an unknown action or an empty id. It is [tasks.ErrNoKey] for a reference that cannot be decrypted,
// and [tasks.ErrNoTask] if the task to resolve does not exist.
func (r *request) confirmation(form url.Values) (confirmation, error) {
	a, is := findAction(r.req.PathValue("noun"), r.req.PathValue("verb"))
	id := form.Get(a.IDParam())
	if !is || id == "" {
		return confirmation{}, errNotFound
	}
	c := confirmation{
		action: a, ID: id, Allowed: r.token.Role.Allows(a.role),
		Back: a.back(id), Chosen: tasks.Outcome(form.Get("outcome")),
	}
	var err error
	if c.target, c.Subject, err = r.target(a, id); err != nil {
		return c, err
	}
	if a.Verb == "resolve" {
		found, err := r.taskByID(id)
		if err != nil {
			return c, err
		}
		c.Outcomes = tasks.Outcomes(found.Task.Kind)
	}
	return c, nil
}

// doAction performs the action through the admin API. Then it redirects to the page of the object. If the admin API
// returns an error, doAction shows the confirmation page with this error.
func (r *request) doAction() error {
	c, err := r.confirmation(r.req.PostForm)
	if err != nil {
		return err
	}
	err = r.act(c.action, c.target, string(c.Chosen))
	if e, is := errors.AsType[apiError](err); is {
		c.Error = e.Message()
		return r.render(e.Status, page{"confirm", c.Question, c.Noun + "s", c})
	}
	if err != nil {
		return err
	}
	r.session.note.Store(&c.Done)
	r.redirect(c.Back)
	return nil
}

// act performs an action through the admin API. The argument target is the id of a plan or task, or the code of a key.
// The argument outcome is only used to resolve a task. An expired plan is not put back, because it would stay out of stock.
func (r *request) act(a action, target, outcome string) error {
	body := map[string]string{}
	if a.Verb == "resolve" {
		body["outcome"] = outcome
	}
	if a.Verb == "restock" {
		if p, err := r.findPlan(target); err == nil && p.HasExpired(r.Now()) { // after an error the call below fails too
			return apiError{http.StatusUnprocessableEntity, "The plan has expired", "edit it, and enter a later time, or none"}
		}
		return r.callAdmin(http.MethodPut, objectPath(a.Noun+"s", target), body, nil, nil) // an edit without new values, because every edit puts the plan back into stock
	}
	return r.callAdmin(http.MethodPost, objectPath(a.Noun+"s", target, a.Verb), body, nil, nil)
}

// target returns the id or the code of the object that a form names, and the name of the object on pages. The error is
// [tasks.ErrNoKey] for a reference that cannot be decrypted.
func (r *request) target(a action, id string) (target, subject string, err error) {
	if a.Noun != "key" {
		return id, id, nil
	}
	code, err := view.OpenCode(r.Engine.Sealer, id)
	if err != nil {
		return "", "", tasks.ErrNoKey
	}
	return string(code), string(view.Mask(code)), nil
}

// keyActions returns the actions on the key v.Key that the rules and the operator's role allow.
func (r *request) keyActions(v tasks.Snapshot) []action {
	return r.allowedActions("key", map[string]bool{"revoke": !v.Key.Revoked, "restore": v.Key.Revoked, "reset": allowed(tasks.Reset, v)})
}

// taskActions returns the actions on the task v.Task that the rules and the operator's role allow.
func (r *request) taskActions(v tasks.Snapshot) []action {
	return r.allowedActions("task", map[string]bool{
		"retry":   allowed(tasks.RetryNow, v),
		"resolve": adminstore.SuspectTask.Match(*v.Task),
		"release": allowed(tasks.Release, v),
	})
}

// allowed reports whether a rule of package tasks, such as [tasks.Reset], allows its change of v. It stores nothing.
func allowed(decide func(tasks.Snapshot, string) (tasks.Change, error), v tasks.Snapshot) bool {
	_, err := decide(v, "")
	return err == nil
}

// A bulkForm has the buttons of a list page that act on several objects of the page.
type bulkForm struct {
	PageIDs []string // the ids of the page's objects, or the references to its keys
	Bulk    []action // the action of each button; empty: the page has no such buttons
}

func (r *request) newBulkForm(noun string, ids []string, verbs map[string]bool) bulkForm {
	return bulkForm{ids, r.allowedActions(noun, verbs)}
}

// A bulk is an action on several objects: the first request asks for confirmation, and the second performs the action.
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

// bulkAction handles both requests of an action on several objects.
func (r *request) bulkAction() error {
	form := r.req.PostForm
	a, is := findAction(form.Get("noun"), form.Get("verb"))
	if !is || a.Question == "" {
		return errNotFound
	}
	b := bulk{action: a, IDs: form["id"], Allowed: r.token.Role.Allows(a.role), Back: "/console/" + a.Noun + "s"}
	if form.Get("all") != "" {
		b.IDs = form["page"]
	}
	if a.Verb == "resolve" {
		b.Outcomes = tasks.Outcomes(tasks.Upgrade) // resolve settles the slot of a task, and only an upgrade has a slot
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

// doBulk performs the action on each object through the admin API. If the admin API refuses the action on one object,
// doBulk continues with the next object.
func (r *request) doBulk(b *bulk, outcome string) error {
	b.Tried = true
	for _, id := range b.IDs {
		target, subject, err := r.target(b.action, id)
		if err == nil {
			err = r.act(b.action, target, outcome)
		}
		e, failed := errors.AsType[apiError](err)
		switch {
		case failed:
			b.Failures = append(b.Failures, failure{subject, e.Message()})
		case err != nil:
			return err
		default:
			b.Done++
		}
	}
	return nil
}
