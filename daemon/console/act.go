package console

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An act is an action of the console on one key, plan or task. It is an operation of the admin API that
// the operator confirms first.
type act struct {
	Noun, Verb string // POST /admin/v1/{noun}s/{id}/{verb}
	Button     string
	Question   string
	Tells      string // the consequences, for the page that asks for confirmation
	Done       string // the message on the page after the action
	Danger     bool
}

var acts = []act{
	{"key", "revoke", "Revoke", "Revoke this key?", "To its holder it will not exist any more. A task that is open runs to its end. It can be restored.", "The key is revoked.", true},
	{"key", "restore", "Restore", "Restore this key?", "It will be what it was before it was revoked.", "The key is restored.", false},
	{"key", "reset", "Reset", "Reset this key?", "It will be usable again, whatever it was. What is known of its last use is forgotten, its history stays.", "The key is reset.", true},
	{"plan", "retire", "Retire", "Retire this plan?", "No more slots of it are given out. Those that are held or spent stay as they are. To put it back into stock, import it again.", "The plan is retired.", true},
	{"task", "retry", "Retry now", "Ask the provider about this task now?", "It will be due at once instead of later.", "The task is due now.", false},
	{"task", "resolve", "Resolve", "Resolve the suspect slot of this task?", "Find out at the provider first whether the account has joined the plan. If it has, choose success: the slot is spent. If not, choose what went wrong: the slot is free again.", "The slot is resolved.", false},
	{"task", "release", "Release the slot", "Give back the slot that this task has spent?", "Do it once that member has left the plan: the slot can then be given to somebody else. The key stays as it is.", "The slot is free again.", true},
}

// find returns the act with the given noun and verb, and whether there is such an act.
func find(noun, verb string) (act, bool) {
	for _, a := range acts {
		if a.Noun == noun && a.Verb == verb {
			return a, true
		}
	}
	return act{}, false
}

// some returns the acts on a noun whose verb is true in wanted.
func some(noun string, wanted map[string]bool) (all []act) {
	for _, a := range acts {
		if a.Noun == noun && wanted[a.Verb] {
			all = append(all, a)
		}
	}
	return all
}

// name returns the query parameter that identifies the object of the act: "code" for a key, else "id".
func (a act) name() string {
	if a.Noun == "key" {
		return "code"
	}
	return "id"
}

// URL returns the path of the page that asks for confirmation of the act on id.
func (a act) URL(id string) string {
	return "/console/" + a.Noun + "/" + a.Verb + "?" + a.name() + "=" + url.QueryEscape(id)
}

// back returns the path of the page to show after the act: the object's own page, or the list of plans.
func (a act) back(id string) string {
	if a.Noun == "plan" {
		return "/console/plans"
	}
	return "/console/" + a.Noun + "?" + a.name() + "=" + url.QueryEscape(id)
}

// A confirmation is the content of the page that asks the operator to confirm an act.
type confirmation struct {
	act
	ID       string
	Name     string
	Back     string
	Outcomes []tasks.Outcome // the possible choices, only for resolve
	Chosen   tasks.Outcome
	Fault    string // why the act failed, "" before it is tried
}

// confirm shows the page that asks for confirmation. It changes nothing.
func (v *visit) confirm() error {
	c, err := v.confirmation(v.r.URL.Query())
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, page{"confirm", c.Question, c.Noun + "s", c})
}

// confirmation builds the confirmation for the act of the path and the object that form names. It returns
// errNowhere for an unknown act or an empty id, and [tasks.ErrNoTask] if the task to resolve does not
// exist.
func (v *visit) confirmation(form url.Values) (confirmation, error) {
	a, is := find(v.r.PathValue("noun"), v.r.PathValue("verb"))
	id := form.Get(a.name())
	if !is || id == "" {
		return confirmation{}, errNowhere
	}
	c := confirmation{act: a, ID: id, Name: a.name(), Back: a.back(id), Chosen: tasks.Outcome(form.Get("outcome"))}
	if a.Verb != "resolve" {
		return c, nil
	}
	found, err := v.byID(id)
	if err != nil {
		return c, err
	}
	if found.Task == nil {
		return c, tasks.ErrNoTask
	}
	c.Outcomes = tasks.Outcomes(found.Task.Kind)
	return c, nil
}

// act performs the act through the admin API. Then it redirects to the page of the object. A refusal is
// shown on the confirmation page.
func (v *visit) act() error {
	c, err := v.confirmation(v.r.PostForm)
	if err != nil {
		return err
	}
	body := map[string]string{}
	if c.Outcomes != nil {
		body["outcome"] = string(c.Chosen)
	}
	err = v.ask(below(c.Noun+"s", c.ID, c.Verb), body, nil, nil)
	if refused, is := errors.AsType[refusal](err); is {
		c.Fault = refused.Says()
		return v.show(refused.Status, page{"confirm", c.Question, c.Noun + "s", c})
	}
	if err != nil {
		return err
	}
	v.session.tell(c.Done)
	v.goTo(c.Back)
	return nil
}

// ofKey returns the acts that the rules allow on the key of v.
func ofKey(v tasks.Snapshot) []act {
	return some("key", map[string]bool{"revoke": !v.Key.Revoked, "restore": v.Key.Revoked, "reset": can(tasks.Reset, v)})
}

// ofTask returns the acts that the rules allow on the task of v.
func ofTask(v tasks.Snapshot) []act {
	return some("task", map[string]bool{
		"retry":   can(tasks.RetryNow, v),
		"resolve": v.Task.Slot == stock.Suspect,
		"release": can(tasks.Release, v),
	})
}

// can reports whether a rule of package tasks allows its change on v. It stores nothing.
func can(decide func(tasks.Snapshot, string) (tasks.Change, error), v tasks.Snapshot) bool {
	_, err := decide(v, "")
	return err == nil
}

// ofPlan returns the acts that are allowed on a plan: a retired plan cannot be retired.
func ofPlan(p view.Plan) []act { return some("plan", map[string]bool{"retire": p.State != "retired"}) }
