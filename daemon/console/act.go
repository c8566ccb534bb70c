package console

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/keyseat/keyseat/daemon/shown"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An act is what can be done to one thing: an operation of the admin API with a question before it.
type act struct {
	Noun, Verb string // POST /admin/v1/{noun}s/{id}/{verb}
	Button     string
	Question   string
	Tells      string // what comes of it
	Done       string // for the page after it
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

// find gives the act with that noun and verb.
func find(noun, verb string) (act, bool) {
	for _, a := range acts {
		if a.Noun == noun && a.Verb == verb {
			return a, true
		}
	}
	return act{}, false
}

// some gives the acts on a noun whose verbs are wanted.
func some(noun string, wanted map[string]bool) (all []act) {
	for _, a := range acts {
		if a.Noun == noun && wanted[a.Verb] {
			all = append(all, a)
		}
	}
	return all
}

// name is the parameter that says what an act is about.
func (a act) name() string {
	if a.Noun == "key" {
		return "code"
	}
	return "id"
}

// URL is where the act is confirmed.
func (a act) URL(id string) string {
	return "/console/" + a.Noun + "/" + a.Verb + "?" + a.name() + "=" + url.QueryEscape(id)
}

// back is the page of what the act is about.
func (a act) back(id string) string {
	if a.Noun == "plan" {
		return "/console/plans"
	}
	return "/console/" + a.Noun + "?" + a.name() + "=" + url.QueryEscape(id)
}

// A confirmation asks whether an act is meant.
type confirmation struct {
	act
	ID       string
	Name     string
	Back     string
	Outcomes []tasks.Outcome // to choose from
	Chosen   tasks.Outcome
	Fault    string // why it could not be done
}

// confirm shows what is about to be done.
func (v *visit) confirm() error {
	c, err := v.confirmation(v.r.URL.Query())
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, page{"confirm", c.Question, c.Noun + "s", c})
}

// confirmation is the question that a query or a form is about.
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

// act does it, and shows what it was done to.
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

// ofKey are the acts that make sense on the view's key.
func ofKey(v tasks.Snapshot) []act {
	return some("key", map[string]bool{"revoke": !v.Key.Revoked, "restore": v.Key.Revoked, "reset": can(tasks.Reset, v)})
}

// ofTask are the acts that make sense on the view's task.
func ofTask(v tasks.Snapshot) []act {
	return some("task", map[string]bool{
		"retry":   can(tasks.RetryNow, v),
		"resolve": v.Task.Slot == stock.Suspect,
		"release": can(tasks.Release, v),
	})
}

// can asks the rules.
func can(decide func(tasks.Snapshot, string) (tasks.Change, error), v tasks.Snapshot) bool {
	_, err := decide(v, "")
	return err == nil
}

// ofPlan are the acts that make sense on a plan.
func ofPlan(p shown.Plan) []act { return some("plan", map[string]bool{"retire": p.State != "retired"}) }
