// Package activity has the stored part of the audit log: an entry for each action of an operator, and the port to store
// and list the entries.
//
// An entry identifies a key by its fingerprint. It contains no code, login, password, username or token.
package activity

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/tasks/adminstore"
)

// An Entry records one action of an operator.
type Entry struct {
	ID      string    // made by the caller
	At      time.Time // set by the store
	Actor   string    // the name of a token, or user@host (CLI)
	Address string    // the network address of the client; "" for the command line
	Action  Action
	Key     string // the fingerprint of a key
	Task    string // the id of a task
	Plan    string // the id of a plan
	OrderID string
	Count   int    // the number of keys, tasks, plans or endpoints that were changed, or of keys whose codes were shown
	Error   string // why the action was refused or failed; "": it succeeded
}

// An Action is the kind of an operator's action.
type Action string

// The actions.
const (
	SignIn      Action = "sign_in"
	SignOut     Action = "sign_out"
	IssueKeys   Action = "issue_keys"
	ImportKeys  Action = "import_keys"
	ExportKeys  Action = "export_keys"
	ListKeys    Action = "list_keys"
	ShowKey     Action = "show_key"
	RevokeKey   Action = "revoke_key"
	RestoreKey  Action = "restore_key"
	ResetKey    Action = "reset_key"
	ExportTasks Action = "export_tasks"
	ListTasks   Action = "list_tasks"
	ShowTask    Action = "show_task"
	RetryTask   Action = "retry_task"
	ResolveTask Action = "resolve_task"
	ReleaseTask Action = "release_task"
	ImportPlans Action = "import_plans"
	EditPlan    Action = "edit_plan"
	RetirePlan  Action = "retire_plan"
	Search      Action = "search"
	Archive     Action = "archive"
	Repair      Action = "repair"

	ReplayWebhooks Action = "replay_webhooks"
	ResumeWebhooks Action = "resume_webhooks"
	ForgetWebhooks Action = "forget_webhooks"
)

// Actions lists the actions.
func Actions() []Action {
	return []Action{
		SignIn, SignOut, IssueKeys, ImportKeys, ExportKeys, ListKeys, ShowKey, RevokeKey, RestoreKey, ResetKey,
		ExportTasks, ListTasks, ShowTask, RetryTask, ResolveTask, ReleaseTask, ImportPlans, EditPlan, RetirePlan,
		Search, Archive, Repair, ReplayWebhooks, ResumeWebhooks, ForgetWebhooks,
	}
}

// A Filter selects the entries that have all the given properties. The zero Filter selects all entries.
type Filter struct {
	Actor   string
	Action  Action
	Subject string    // a key's fingerprint, a task, a plan or an order
	Since   time.Time // selects entries that were recorded at this time or later
	Until   time.Time // selects entries that were recorded before this time; zero: no bound
}

// Match reports whether the filter selects the entry.
func (f Filter) Match(e Entry) bool {
	s := f.Subject
	return (f.Actor == "" || f.Actor == e.Actor) && (f.Action == "" || f.Action == e.Action) &&
		(s == "" || s == e.Key || s == e.Task || s == e.Plan || s == e.OrderID) &&
		!e.At.Before(f.Since) && (f.Until.IsZero() || e.At.Before(f.Until))
}

// Position returns the position of an entry in a list: its time and id.
func (Filter) Position(e Entry) adminstore.Position { return adminstore.Position{At: e.At, ID: e.ID} }

// A List is a page of entries.
type List = adminstore.ListOf[Entry]

// A Store is the port for entries. All methods are safe for concurrent use.
type Store interface {
	// RecordActivity stores an entry with the present time. It ignores an entry whose ID is stored already, so that the
	// caller may repeat a call.
	RecordActivity(ctx context.Context, e Entry) error

	// Activity lists a page of the entries that match the filter, ordered by [Filter.Position].
	Activity(ctx context.Context, f Filter, p adminstore.Page) (List, error)

	// DeleteActivity deletes up to n entries that were recorded before the given time, and returns their number.
	DeleteActivity(ctx context.Context, before time.Time, n int) (int, error)
}
