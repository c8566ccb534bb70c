package bunstore

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A listing is the SQL of a list of keys, tasks or the activity. Each range is a part of an index, and its rows have
// the order of the list. So the database merges the ranges, and reads only the rows of the page:
//
//	index on (status, used, revoked, purchase date, code)
//	  active, unused  ──────────────────▶ │
//	  active, used    ──────────────────▶ ├ merged ──▶ own, rest ──▶ the page
//	  success, used   ──────────────────▶ │  (at most maxScanned or maxLookedUp rows)
//
// A condition that is not the condition of a range is in own or in rest.
type listing struct {
	from   string   // the table of the ranges, with its alias
	at, id string   // the columns of [adminstore.Position]; at is "" for a list by code
	code   string   // the column of the key's code
	ranges []string // the condition of each range
	own    []string // further conditions on the table of the ranges
	rest   []string // conditions on the key k and the task t, which the database must look up for each row
	since  time.Time
	until  time.Time // since and until are bounds of the column at; zero: no bound
	desc   bool      // read in descending order
	args   query.Args

	columns string // the columns of the result
	join    string // the JOIN of the positions (alias page) with the tables that have these columns
}

// boughtAt returns the expression for the purchase date of a key k, as in the indexes. For a key without a date it
// returns Go's zero time.
func (d dialect) boughtAt() string {
	return d.either(`coalesce(k.purchase_date, timestamptz '0001-01-01 00:00:00+00')`, `coalesce(k.purchase_date, -62135596800000000)`)
}

func (s *Store) keyListing(f adminstore.KeyFilter, o adminstore.Order) listing {
	l := listing{from: "keyseat_keys k", at: s.boughtAt(), id: "k.code", code: "k.code", args: query.Args{}, since: f.BoughtAfter, until: f.BoughtBefore}
	if since := (time.Time{}).Add(time.Microsecond); !l.until.IsZero() && l.since.IsZero() {
		l.since = since // later than the time of a key without a purchase date
	}
	switch {
	case f.IsZero() && o == "":
		l.at, l.ranges = "", []string{"true"}
	case f.ByTask():
		l = byTask(f, l)
	case f.OrderID != nil && *f.OrderID != "":
		l.args["order"] = *f.OrderID
		l.ranges = []string{"k.order_id = @order AND k.order_id <> ''"}
		l.own = keyConditions(f)
	default:
		l.ranges = statusRanges(f)
		if f.OrderID != nil {
			l.own = []string{"k.order_id = ''"}
		}
	}
	return l
}

func statusRanges(f adminstore.KeyFilter) (all []string) {
	for _, status := range keys.Statuses() {
		for _, used := range []bool{false, true} {
			for _, revoked := range []bool{false, true} {
				k := keys.Key{Status: status, Used: used, Revoked: revoked}
				if status.AllowsUsed(used) && (adminstore.KeyFilter{Statuses: f.Statuses, Used: f.Used, Revoked: f.Revoked}).MatchKey(k) {
					all = append(all, fmt.Sprintf("k.status = '%s' AND k.used = %t AND k.revoked = %t", status, used, revoked))
				}
			}
		}
	}
	return all
}

// keyConditions returns the conditions of a filter on the columns "status", "used" and "revoked". It is for an index
// that does not have these columns.
func keyConditions(f adminstore.KeyFilter) (all []string) {
	if len(f.Statuses) > 0 { // leave out unknown statuses, because their texts could have quotes
		known := slices.DeleteFunc(keys.Statuses(), func(s keys.Status) bool { return !slices.Contains(f.Statuses, s) })
		all = append(all, oneOf("k.status", append(known, "")))
	}
	if f.Used != nil {
		all = append(all, fmt.Sprintf("k.used = %t", *f.Used))
	}
	if f.Revoked != nil {
		all = append(all, fmt.Sprintf("k.revoked = %t", *f.Revoked))
	}
	return all
}

// byTask returns the SQL of a list of keys by the country or plan of their latest tasks. The index does not have the
// purchase date, so the filter by date is a further condition. Of the tasks of a key, the condition k.task_id = page.id
// selects the latest.
func byTask(f adminstore.KeyFilter, keyed listing) listing {
	l := taskListing(adminstore.TaskFilter{Country: f.Country, Plan: f.Plan})
	l.rest = append(append(l.rest, "k.task_id = page.id"), keyConditions(f)...)
	if !keyed.since.IsZero() {
		l.args["bought_after"] = keyed.since
		l.rest = append(l.rest, keyed.at+" >= @bought_after")
	}
	if !keyed.until.IsZero() {
		l.args["bought_before"] = keyed.until
		l.rest = append(l.rest, keyed.at+" < @bought_before")
	}
	if f.OrderID != nil {
		l.args["order"] = *f.OrderID
		l.rest = append(l.rest, "k.order_id = @order")
	}
	return l
}

// taskListing returns the SQL of a list of tasks. The indexes by plan and by country do not have open tasks, because
// open tasks change often. The open tasks are a range of the index by outcome, because their outcome is the empty text.
func taskListing(f adminstore.TaskFilter) listing {
	l := listing{
		from: "keyseat_tasks t", at: "t.created_at", id: "t.id", code: "t.code",
		args: query.Args{}, since: f.Since, until: f.Until,
	}
	outcomes := outcomesOf(f)
	if len(outcomes) == 0 {
		return l
	}
	l.own = l.conditions(f)
	var some []string // the condition on the outcome; nil if all outcomes are possible
	if len(outcomes) <= len(tasks.AllOutcomes()) {
		some = []string{oneOf("t.outcome", outcomes)}
	}
	switch open := outcomes[0] == ""; {
	case f.Code != "":
		l.args["key"] = string(f.Code)
		l.ranges, l.own = []string{"t.code = @key"}, append(l.own, some...)
		if f.State == adminstore.SuspectTask {
			l.own = append(l.own, "t.slot = 'suspect'")
		}
	case f.State == adminstore.SuspectTask:
		l.ranges, l.own = []string{"t.slot = 'suspect'"}, append(l.own, some...)
	case f.Plan != "":
		if open {
			l.ranges = append(l.ranges, "t.outcome = ''")
		}
		if !open || len(outcomes) > 1 {
			l.ranges = append(l.ranges, "t.plan_id = @plan AND t.plan_id <> '' AND t.outcome <> ''")
		}
		l.own = append(l.own, some...)
	default:
		for _, o := range outcomes {
			l.ranges = append(l.ranges, outcomeRange(o, f.Country))
		}
		if !open { // without open tasks, the ranges already have all conditions of the filter
			l.own = nil
		}
	}
	return l
}

// outcomeRange returns the range of the tasks with an outcome, and with the country if it is not "". The range of open
// tasks includes every country.
func outcomeRange(o tasks.Outcome, country stock.Country) string {
	r := fmt.Sprintf("t.outcome = '%s'", o)
	if country != "" && o != "" {
		r += " AND t.outcome <> '' AND t.country = @country"
	}
	return r
}

// outcomesOf returns the outcomes that tasks of a filter can have. An open task has the outcome "".
func outcomesOf(f adminstore.TaskFilter) []tasks.Outcome {
	inState := func(o tasks.Outcome) bool {
		switch f.State {
		case adminstore.AnyTask, adminstore.SuspectTask:
			return true
		case adminstore.EndedTask:
			return o != ""
		case adminstore.FailedTask:
			return o != "" && o != tasks.Success
		case adminstore.OpenTask, adminstore.WaitingTask, adminstore.RunningTask, adminstore.RetryingTask:
			return o == ""
		}
		return false
	}
	return slices.DeleteFunc(append([]tasks.Outcome{""}, tasks.AllOutcomes()...), func(o tasks.Outcome) bool {
		return !inState(o) || len(f.Outcomes) > 0 && !slices.Contains(f.Outcomes, o)
	})
}

// openStates has the SQL condition of each state of an open task. [adminstore.TaskState.Match] has the same conditions
// in Go.
var openStates = map[adminstore.TaskState]string{
	adminstore.WaitingTask:  "t.leased_until IS NULL AND t.asked + t.lost = 0",
	adminstore.RunningTask:  "t.leased_until IS NOT NULL",
	adminstore.RetryingTask: "t.leased_until IS NULL AND t.asked + t.lost > 0",
}

func (l *listing) conditions(f adminstore.TaskFilter) (all []string) {
	if condition, found := openStates[f.State]; found {
		all = append(all, condition)
	}
	if f.Country != "" {
		l.args["country"] = string(f.Country)
		all = append(all, "t.country = @country")
	}
	if f.Plan != "" {
		l.args["plan"] = f.Plan
		all = append(all, "t.plan_id = @plan")
	}
	return all
}

// oneOf returns the condition that a column has one of the values, which have no quotes.
func oneOf[S ~string](column string, values []S) string {
	var texts []string
	for _, v := range values {
		texts = append(texts, "'"+string(v)+"'")
	}
	return column + " IN (" + strings.Join(texts, ", ") + ")"
}
