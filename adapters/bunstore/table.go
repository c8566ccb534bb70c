package bunstore

import (
	"strings"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A table maps a struct to a database table. It has the columns, with the types of Postgres, and the fields of
// the struct in the same order.
type table[T any] struct {
	name    string
	columns columns
	fields  func(*T) []field
}

// columns lists names and types of columns: "code text, version bigint".
type columns string

// each calls do with the name and the type of every column.
func (c columns) each(do func(name, kind string)) {
	for column := range strings.SplitSeq(string(c), ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(column), " ")
		do(name, kind)
	}
}

// list returns the names, each in the given format: "k.%" gives "k.code, k.version".
func (c columns) list(as string) string {
	var names []string
	c.each(func(name, _ string) { names = append(names, strings.ReplaceAll(as, "%", name)) })
	return strings.Join(names, ", ")
}

// batch returns rows as a [batch], an argument of a statement.
func (t table[T]) batch(rows []T) batch {
	b := batch{columns: t.columns}
	for i := range rows {
		b.rows = append(b.rows, values(t.fields(&rows[i])))
	}
	return b
}

func values(fields []field) []any {
	row := make([]any, len(fields))
	for i, f := range fields {
		row[i] = f.value()
	}
	return row
}

var keyTable = table[keys.Key]{
	name: "keyseat_keys",
	columns: "code text, version bigint, status text, used boolean, revoked boolean, message text, " +
		"username text, verify_address text, invite text, address text, order_id text, " +
		"purchase_date timestamptz, used_date timestamptz, task_id text, limit_at timestamptz",
	fields: func(k *keys.Key) []field {
		return []field{
			text[keys.Code]{&k.Code},
			whole[int64]{&k.Version},
			text[keys.Status]{&k.Status},
			flag{&k.Used},
			flag{&k.Revoked},
			text[string]{&k.Message},
			text[string]{&k.Username},
			text[string]{&k.VerifyAddress},
			text[string]{&k.Invite},
			text[string]{&k.Address},
			text[string]{&k.OrderID},
			moment{&k.PurchaseDate},
			moment{&k.UsedDate},
			text[string]{&k.Task},
			moment{&k.NextTaskAt},
		}
	},
}

var taskTable = table[tasks.Task]{
	name: "keyseat_tasks",
	columns: "code text, id text, kind text, country text, version bigint, fence bigint, " +
		"plan_id text, plan_address text, plan_invite text, ordinal bigint, slot text, faulty text, " +
		"asked bigint, tries bigint, lost bigint, doubt boolean, first_asked timestamptz, " +
		"created_at timestamptz, due timestamptz, leased_until timestamptz, ended_at timestamptz, outcome text, sealed bytea",
	fields: func(t *tasks.Task) []field {
		return []field{
			text[keys.Code]{&t.Code},
			text[string]{&t.ID},
			text[tasks.Kind]{&t.Kind},
			text[stock.Country]{&t.Country},
			whole[int64]{&t.Version},
			whole[int64]{&t.Fence},
			text[string]{&t.Plan.ID},
			text[string]{&t.Plan.Address},
			text[string]{&t.Plan.Invite},
			whole[int]{&t.Ordinal},
			text[stock.State]{&t.Slot},
			list{&t.Faulty},
			whole[int]{&t.Attempts},
			whole[int]{&t.CountedAttempts},
			whole[int]{&t.LostLeases},
			flag{&t.InDoubt},
			moment{&t.FirstAttempt},
			moment{&t.CreatedAt},
			moment{&t.DueAt},
			moment{&t.LeasedUntil},
			moment{&t.EndedAt},
			text[tasks.Outcome]{&t.Outcome},
			blob{&t.Sealed},
		}
	},
}

var planTable = table[stock.Plan]{
	name: "keyseat_plans",
	columns: "id text, country text, address text, invite text, size bigint, held bigint, spent bigint, suspect bigint, " +
		"expires_at timestamptz, retired boolean, fault text, seq bigint",
	fields: func(p *stock.Plan) []field {
		return []field{
			text[string]{&p.ID},
			text[stock.Country]{&p.Country},
			text[string]{&p.Address},
			text[string]{&p.Invite},
			whole[int]{&p.Size},
			whole[int]{&p.Held},
			whole[int]{&p.Spent},
			whole[int]{&p.Suspect},
			moment{&p.ExpiresAt},
			flag{&p.Retired},
			text[stock.Fault]{&p.Fault},
			whole[int64]{&p.Seq},
		}
	},
}

// A line is a row of the history: an event, the id of its change, and its index n within the change.
type line struct {
	tasks.Event
	change string
	n      int
}

var historyTable = table[line]{
	name: "keyseat_history",
	columns: "code text, change_id text, n bigint, at timestamptz, cause text, task_id text, kind text, outcome text, " +
		"plan_id text, slot_from text, slot_to text, note text",
	fields: func(l *line) []field {
		return []field{
			text[keys.Code]{&l.Code},
			text[string]{&l.change},
			whole[int]{&l.n},
			moment{&l.At},
			text[tasks.EventType]{&l.Type},
			text[string]{&l.Task},
			text[tasks.Kind]{&l.Kind},
			text[tasks.Outcome]{&l.Outcome},
			text[string]{&l.Plan},
			text[stock.State]{&l.From},
			text[stock.State]{&l.To},
			text[string]{&l.Note},
		}
	},
}

// A row is a row of a statement's result. It copies its columns into variables, as [sql.Rows.Scan] does.
type row func(into ...any) error

// scan reads the columns of a row into the fields of several structs, in order.
func (r row) scan(fields ...[]field) error {
	return r(targets(fields...)...)
}

func targets(fields ...[]field) []any {
	var into []any
	for _, some := range fields {
		for _, f := range some {
			into = append(into, f)
		}
	}
	return into
}
