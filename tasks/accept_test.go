package tasks_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

var now = time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)

// An application is a snapshot of one key and a request for it. The tables of refusals say which refusal applies.
type application struct {
	view  tasks.Snapshot
	kind  tasks.Kind
	pwd   string
	login string
	land  string
	email string
	next  string // the new password
}

func (a application) request() tasks.Request {
	return tasks.Request{
		Kind: a.kind, Code: a.view.Key.Code, Country: a.land,
		Account: tasks.Account{
			Login: tasks.NewSecret(a.login), Password: tasks.NewSecret(a.pwd),
			NewEmail: tasks.NewSecret(a.email), NewPassword: tasks.NewSecret(a.next),
		},
	}
}

func (a application) opened(k tasks.Kind) bool {
	t := a.view.Task
	return t != nil && t.EndedAt.IsZero() && t.Kind == k
}

func (a application) badLand() bool {
	if a.kind == tasks.Renew && a.email == "" && strings.TrimSpace(a.land) == "" {
		return false
	}
	return a.land != "US" && a.land != "us" && a.land != "Xk"
}

func (a application) badLogin() bool { return strings.TrimSpace(a.login) == "" || len(a.login) > 254 }

// A row of a table has a refusal and the condition under which the refusal applies.
type row struct {
	code     tasks.Refusal
	sentence string
	fits     func(application) bool
}

// The tables of refusals. The first row with a true condition decides.
var (
	notFound = "This key was not found in our database"

	upgradeTable = []row{
		{"unknown_key", notFound, func(a application) bool { return a.view.Key.Version == 0 }},
		{"password_missing", "The password is missing", func(a application) bool { return a.pwd == "" || len(a.pwd) > 1024 }},
		{"login_missing", "The login is missing", application.badLogin},
		{"country_invalid", "The country must be an ISO 3166-1 alpha-2 code (e.g., US)", application.badLand},
		{"key_gone", notFound, func(a application) bool { return a.view.Key.Revoked }},
		{"upgrade_open", "You are processing already an upgrade task, wait until the end, you can check the current status via the key info", func(a application) bool { return a.opened("upgrade") }},
		{"renew_open", "You are processing already a renew task, wait until the end, you can check the current status via the key info", func(a application) bool { return a.opened("renew") }},
		{"key_used", "This key is not usable, your account is still premium, if not, renew it", func(a application) bool { return a.view.Key.Used }},
	}
	renewTable = []row{
		{"unknown_key", notFound, func(a application) bool { return a.view.Key.Version == 0 }},
		{"password_weak", "The password must be at least 10 characters long and include at least one number or special character (e.g., # ? ! &)", func(a application) bool {
			return a.pwd != strongPassword || a.next != "" && a.next != strongPassword
		}},
		{"login_missing", "The login is missing", application.badLogin},
		{"country_invalid", "The country must be an ISO 3166-1 alpha-2 code (e.g., US)", application.badLand},
		{"email_invalid", "The new email address is invalid", func(a application) bool { return a.email != "" && a.email != "new@example.com" }},
		{"key_gone", notFound, func(a application) bool { return a.view.Key.Revoked }},
		{"upgrade_open", "You are processing already an upgrade task, wait until the end, you can check the current status via the key info", func(a application) bool { return a.opened("upgrade") }},
		{"renew_open", "You are processing already a renew task, wait until the end, you can check the current status via the key info", func(a application) bool { return a.opened("renew") }},
		{"key_unused", "This key is usable, you can proceed with the upgrade", func(a application) bool { return !a.view.Key.Used }},
		{"key_legacy", "This key was last used with the old system, to proceed with the renew try to join again the family, you can retrieve invite and address in the info page. In case family is full or invite is expired, contact support by sending Key, Order ID and Downgrade screenshots", func(a application) bool { return a.view.Key.Invite != "" }},
	}
)

func (a application) expected() *row {
	table := upgradeTable
	if a.kind == tasks.Renew {
		table = renewTable
	}
	for i := range table {
		if table[i].fits(a) {
			return &table[i]
		}
	}
	return nil
}

const strongPassword = "long enough 1"

// everyView returns snapshots for every state of a key: without a task, with an ended task, and with an open task.
func everyView() (all []tasks.Snapshot) {
	for _, status := range keys.Statuses() {
		for flags := range 16 {
			k := keys.Key{
				Code: "CODE", Version: int64(flags & 1 * 5), Status: status, Used: flags&2 > 0, Revoked: flags&4 > 0,
				Message: "before", Username: "name", Task: "old", UsedDate: now.Add(-time.Hour), OrderID: "order",
			}
			if flags&8 > 0 {
				k.Invite = "invite"
			}
			for _, task := range []*tasks.Task{
				nil,
				{ID: "old", Kind: tasks.Upgrade, EndedAt: now.Add(-1)},
				{ID: "old", Kind: tasks.Renew, EndedAt: now.Add(-1)},
				{ID: "old", Kind: tasks.Upgrade},
				{ID: "old", Kind: tasks.Renew},
			} {
				all = append(all, tasks.Snapshot{At: now, Key: k, Task: task})
			}
		}
	}
	return all
}

// everyForm calls do with each combination of valid and invalid fields.
func everyForm(do func(pwd, login, land, email, next string)) {
	for _, pwd := range []string{"", "weak", "no number here", strongPassword, strings.Repeat("1", 1025)} {
		for _, login := range []string{"", " \t\u00a0", "ann", strings.Repeat("x", 255)} {
			for _, land := range []string{"", " \t", "us", "Xk", "ZZ", "USA", "ıN"} {
				for _, email := range []string{"", "new@example.com", "new", strings.Repeat("x", 243) + "@example.com"} {
					for _, next := range []string{"", strongPassword, "weak", strings.Repeat("1", 1025)} {
						do(pwd, login, land, email, next)
					}
				}
			}
		}
	}
}

func TestAcceptEverything(t *testing.T) {
	rules, refused, accepted := tasks.DefaultRules(), map[tasks.Refusal]int{}, 0
	for _, view := range everyView() {
		for _, kind := range tasks.Kinds() {
			everyForm(func(pwd, login, land, email, next string) {
				a := application{view, kind, pwd, login, land, email, next}
				c, err := rules.Accept(view, a.request(), "new", false)
				want := a.expected()
				if want == nil {
					accepted++
					checkAccepted(t, a, c, err)
					return
				}
				refused[want.code]++
				if got, is := errors.AsType[tasks.Refusal](err); !is || got != want.code || err.Error() != want.sentence || !reflect.ValueOf(c).IsZero() {
					t.Fatalf("%+v: %+v, %v; not %s", a, c, err, want.code)
				}
			})
		}
	}
	if accepted == 0 || len(refused) != 12 {
		t.Errorf("%d accepted, refused: %v", accepted, refused)
	}
}

func checkAccepted(t *testing.T, a application, c tasks.Change, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	country := stock.Country(strings.ToUpper(strings.TrimSpace(a.land)))
	key := a.view.Key
	key.Status, key.Message, key.Task, key.NextTaskAt = keys.InQueue, "", "new", now.Add(3*time.Minute)
	task := tasks.Task{ID: "new", Code: "CODE", Kind: a.kind, Country: country, Ordinal: 1, CreatedAt: now, DueAt: now}
	event := tasks.Event{At: now, Type: tasks.EventAccepted, Code: "CODE", Task: "new", Kind: a.kind}
	want := tasks.Change{ID: "new", Key: &key, Task: &task}
	if a.kind == tasks.Upgrade {
		want.Claim = &stock.Claim{Country: country}
		task.Slot, event.From, event.To = stock.Held, stock.Free, stock.Held
	}
	want.Events = []tasks.Event{event}
	if !reflect.DeepEqual(c, want) {
		t.Fatalf("%+v:\n got %+v\nwant %+v", a, c, want)
	}
}

// TestAcceptOutOfStock tests that without stock, one change accepts and ends the task. The change has no sealed account
// and no claim, and does not count for the rate limit of the key.
func TestAcceptOutOfStock(t *testing.T) {
	const sentence = "There are currently no more upgrades available in stock for the desired location, try a different country"
	key := keys.Key{Code: "CODE", Version: 5, Status: keys.Active, NextTaskAt: now.Add(time.Minute)}
	a := application{tasks.Snapshot{At: now, Key: key}, tasks.Upgrade, "x", "ann", "de", "", ""}
	c, err := tasks.DefaultRules().Accept(a.view, a.request(), "new", true)
	if err != nil {
		t.Fatal(err)
	}
	key.Status, key.Message, key.Task = keys.FailedUpgrade, sentence, "new"
	event := tasks.Event{At: now, Type: tasks.EventAccepted, Code: "CODE", Task: "new", Kind: tasks.Upgrade}
	ended := event
	ended.Type, ended.Outcome = tasks.EventEnded, tasks.OutOfStock
	want := tasks.Change{
		ID: "new", Key: &key,
		Task: &tasks.Task{
			ID: "new", Code: "CODE", Kind: tasks.Upgrade, Country: "DE", Ordinal: 1,
			CreatedAt: now, DueAt: now, EndedAt: now, Outcome: tasks.OutOfStock,
		},
		Events: []tasks.Event{event, ended},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("\n got %+v\nwant %+v", c, want)
	}
}

// TestWithPlan tests that [tasks.Change.WithPlan] copies the plan into the task and the event, and does not
// modify the original change.
func TestWithPlan(t *testing.T) {
	a := application{tasks.Snapshot{At: now, Key: keys.Key{Code: "CODE", Version: 1, Status: keys.Active}}, tasks.Upgrade, "x", "ann", "US", "", ""}
	c, err := tasks.DefaultRules().Accept(a.view, a.request(), "new", false)
	if err != nil {
		t.Fatal(err)
	}
	got := c.WithPlan(stock.Plan{ID: "elm", Address: "street", Invite: "link", Size: 5})
	if want := (tasks.PlanSnapshot{ID: "elm", Address: "street", Invite: "link"}); got.Task.Plan != want || got.Events[0].Plan != "elm" {
		t.Errorf("got %+v, %+v", got.Task, got.Events)
	}
	if c.Task.Plan != (tasks.PlanSnapshot{}) || c.Events[0].Plan != "" {
		t.Error("the decision itself was changed")
	}
	c.Claim = nil
	if got := c.WithPlan(stock.Plan{ID: "elm"}); got.Task != c.Task || got.Task.Plan.ID != "" {
		t.Error("a change without a claim got a plan")
	}
}

func TestChangeCode(t *testing.T) {
	if got := (tasks.Change{Key: &keys.Key{Code: "K"}}).Code(); got != "K" {
		t.Errorf("by its key: %q", got)
	}
	if got := (tasks.Change{Task: &tasks.Task{Code: "T"}}).Code(); got != "T" {
		t.Errorf("by its task: %q", got)
	}
}
