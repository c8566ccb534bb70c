package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// TestActivity checks that commands leave entries with their actor, and that the filters select entries.
func TestActivity(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		s := serve(sh)
		s.upgrade("ann")
		sh.ok("keys", "revoke", "ann")
		sh.ok("plans", "retire", "elm")
		sh.ok("keys", "generate", "--count", "2", "--order", "o-7")
		id, _ := sh.rows("tasks", "list")[0]["id"].(string)
		sh.ok("tasks", "retry", id)
		var key string
		var got []string
		for _, row := range sh.rows("activity") {
			if row["actor"] != actor() || row["address"] != "" {
				sh.Errorf("%v", row)
			}
			key = row["key"].(string)
			got = append(got, fmt.Sprintf("%v %v %v%v%v%t", row["action"], row["count"], row["plan"], row["order_id"], row["task"], key != ""))
		}
		want := []string{
			"import_plans 1 false", "import_keys 3 false", "revoke_key 0 true", "retire_plan 1 elmfalse", "issue_keys 2 o-7false",
			"list_tasks 1 false", "retry_task 0 " + id + "true",
		}
		if !slices.Equal(got, want) {
			sh.Errorf("%q\nwant\n%q", got, want)
		}
		for flags, want := range map[string]int{
			"--action revoke_key": 1, "--subject " + key: 2, "--subject elm": 1, "--actor nobody": 0, "--limit 3": 3, "--since 2020-01-01": 7, "--until 2020-01-01": 0,
		} {
			if rows := sh.rows(append([]string{"activity"}, strings.Fields(flags)...)...); len(rows) != want {
				sh.Errorf("%s: %d entries", flags, len(rows))
			}
		}
		if out := sh.ok("activity", "--newest", "--output", "csv"); !strings.HasPrefix(out, "at,actor,action,count,key,task,plan,order,address,error\n") || strings.Contains(out, "ann,") {
			sh.Error(out)
		}
		sh.fails(2, "--action", "", "activity", "--action", "nothing")
	})
}

// TestWebhookCommandsAreAudited checks that each command that changes the deliveries of an endpoint leaves a line and an
// entry with its actor, because no history names the actor. A refused command leaves none.
func TestWebhookCommandsAreAudited(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		sh.ok("keys", "generate", "--count", "2")
		database := databaseFlag{Database: strings.TrimPrefix(sh.env[0], "KEYSEAT_DATABASE="), DatabaseDistributed: len(sh.env) > 1}
		err := database.create(t.Context(), func(s *bunstore.Store) error {
			return s.Subscribe(t.Context(), []string{"shop"}, time.Hour)
		})
		if err != nil {
			sh.Fatal(err)
		}
		for _, line := range []string{"webhooks replay shop --since 1h", "webhooks resume shop", "webhooks forget shop", "webhooks forget shop"} {
			_, stderr, code := sh.run("", strings.Fields(line)...)
			if action := strings.Join(strings.Fields(line)[:2], " "); code == 0 != strings.Contains(stderr, `"action": "`+action+`", "actor": "`+actor()+`"`) {
				sh.Errorf("%s: %d %s", line, code, stderr)
			}
		}
		var got []string
		for _, row := range sh.rows("activity")[1:] {
			got = append(got, fmt.Sprint(row["actor"], " ", row["action"], " ", row["count"]))
		}
		if want := []string{actor() + " replay_webhooks 2", actor() + " resume_webhooks 1", actor() + " forget_webhooks 1"}; !slices.Equal(got, want) {
			sh.Errorf("%q\nwant\n%q", got, want)
		}
	})
}

// TestOldActivityIsDeleted checks that a daemon deletes all entries that are older than --activity-days, and only these.
func TestOldActivityIsDeleted(t *testing.T) {
	at := time.Now().AddDate(0, 0, -8)
	store := memory.New(func() time.Time { return at })
	for i := range activityBatch + 3 {
		if i == activityBatch+2 {
			at = time.Now()
		}
		if err := store.RecordActivity(t.Context(), activity.Entry{ID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ days, left int }{{0, activityBatch + 3}, {9, activityBatch + 3}, {7, 1}} {
		ctx, cancel := context.WithCancel(t.Context())
		serve := serveCmd{ActivityDays: c.days}
		serve.deleteOldActivity(ctx, untilDone{store, cancel}, slog.New(slog.DiscardHandler))
		cancel()
		all, err := store.Activity(t.Context(), activity.Filter{}, adminstore.Page{Limit: 9999})
		if err != nil || len(all.Entries) != c.left {
			t.Errorf("%d days: %d entries, %v", c.days, len(all.Entries), err)
		}
	}
}

// untilDone is a store that ends a context when it has deleted the last entry.
type untilDone struct {
	activity.Store
	end context.CancelFunc
}

func (u untilDone) DeleteActivity(ctx context.Context, before time.Time, n int) (int, error) {
	deleted, err := u.Store.DeleteActivity(ctx, before, n)
	if deleted < n {
		u.end()
	}
	return deleted, err
}
