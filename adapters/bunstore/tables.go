package bunstore

import (
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

var keyTable = query.Table[keys.Key]{
	Name: "keyseat_keys",
	Columns: "code text, version bigint, status text, used boolean, revoked boolean, message text, " +
		"username text, verify_address text, invite text, address text, order_id text, " +
		"purchase_date timestamptz, used_date timestamptz, task_id text, limit_at timestamptz",
	Fields: func(k *keys.Key) []query.Column {
		return []query.Column{
			query.Text(&k.Code),
			query.Int(&k.Version),
			query.Text(&k.Status),
			query.Bool(&k.Used),
			query.Bool(&k.Revoked),
			query.Text(&k.Message),
			query.Text(&k.Username),
			query.Text(&k.VerifyAddress),
			query.Text(&k.Invite),
			query.Text(&k.Address),
			query.Text(&k.OrderID),
			query.Time(&k.PurchaseDate),
			query.Time(&k.UsedDate),
			query.Text(&k.Task),
			query.Time(&k.NextTaskAt),
		}
	},
}

var taskTable = query.Table[tasks.Task]{
	Name: "keyseat_tasks",
	Columns: "code text, id text, kind text, country text, version bigint, fence bigint, " +
		"plan_id text, plan_address text, plan_invite text, ordinal bigint, slot text, faulty text, " +
		"asked bigint, tries bigint, lost bigint, doubt boolean, first_asked timestamptz, " +
		"created_at timestamptz, due timestamptz, leased_until timestamptz, ended_at timestamptz, outcome text, sealed bytea",
	Fields: func(t *tasks.Task) []query.Column {
		return []query.Column{
			query.Text(&t.Code),
			query.Text(&t.ID),
			query.Text(&t.Kind),
			query.Text(&t.Country),
			query.Int(&t.Version),
			query.Int(&t.Fence),
			query.Text(&t.Plan.ID),
			query.Text(&t.Plan.Address),
			query.Text(&t.Plan.Invite),
			query.Int(&t.Ordinal),
			query.Text(&t.Slot),
			query.JSONList{To: &t.Faulty},
			query.Int(&t.Attempts),
			query.Int(&t.CountedAttempts),
			query.Int(&t.LostLeases),
			query.Bool(&t.InDoubt),
			query.Time(&t.FirstAttempt),
			query.Time(&t.CreatedAt),
			query.Time(&t.DueAt),
			query.Time(&t.LeasedUntil),
			query.Time(&t.EndedAt),
			query.Text(&t.Outcome),
			query.Bytes(&t.Sealed),
		}
	},
}

var planTable = query.Table[stock.Plan]{
	Name: "keyseat_plans",
	Columns: "id text, country text, address text, invite text, size bigint, held bigint, spent bigint, suspect bigint, " +
		"expires_at timestamptz, retired boolean, fault text, seq bigint",
	Fields: func(p *stock.Plan) []query.Column {
		return []query.Column{
			query.Text(&p.ID),
			query.Text(&p.Country),
			query.Text(&p.Address),
			query.Text(&p.Invite),
			query.Int(&p.Size),
			query.Int(&p.Held),
			query.Int(&p.Spent),
			query.Int(&p.Suspect),
			query.Time(&p.ExpiresAt),
			query.Bool(&p.Retired),
			query.Text(&p.Fault),
			query.Int(&p.Seq),
		}
	},
}

// A historyRow is a row of the history: an event, the id of its change, and its index n within the change.
type historyRow struct {
	tasks.Event
	change string
	n      int
}

var historyTable = query.Table[historyRow]{
	Name: "keyseat_history",
	Columns: "code text, change_id text, n bigint, at timestamptz, cause text, task_id text, kind text, outcome text, " +
		"plan_id text, slot_from text, slot_to text, note text",
	Fields: func(l *historyRow) []query.Column {
		return []query.Column{
			query.Text(&l.Code),
			query.Text(&l.change),
			query.Int(&l.n),
			query.Time(&l.At),
			query.Text(&l.Type),
			query.Text(&l.Task),
			query.Text(&l.Kind),
			query.Text(&l.Outcome),
			query.Text(&l.Plan),
			query.Text(&l.From),
			query.Text(&l.To),
			query.Text(&l.Note),
		}
	},
}

// A taskKey is the primary key of a task.
type taskKey struct {
	code keys.Code
	id   string
}
