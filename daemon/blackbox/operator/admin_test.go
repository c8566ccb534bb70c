// Package operator_test tests the interfaces for an operator: commands, settings, the admin API, the console, webhooks,
// logs and metrics.
package operator_test

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// An issued is the answer to an order.
type issued struct {
	Count int
	Codes []string
}

// TestRepeatedOrderIssuesKeysOnce sends the webhook of an order many times simultaneously, to all daemons. The keys of
// the order are issued once.
func TestRepeatedOrderIssuesKeysOnce(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		o, file := s.ServeAdmin()
		shops := []*harness.Operator{o}
		if !s.IsSQLite() {
			d := s.Serve("--admin-token-file", file)
			shops = append(shops, o.On(d))
		}
		const body = `{"count":20,"order_id":"o-1"}`
		var at sync.WaitGroup
		answers := make([]harness.Response, 50)
		for i := range answers {
			at.Go(func() {
				a := shops[i%len(shops)].Call("POST", "/keys", body, "Idempotency-Key", "hook")
				for a.Code == 503 { // as the sender of a webhook does
					a = shops[i%len(shops)].Call("POST", "/keys", body, "Idempotency-Key", "hook")
				}
				answers[i] = a
			})
		}
		at.Wait()
		replayed := 0
		for _, a := range answers {
			if a.Code != 201 || a.Body != answers[0].Body {
				t.Errorf("%d %s\nnot %s", a.Code, a.Body, answers[0].Body)
			}
			if a.Header.Get("Idempotent-Replayed") == "true" {
				replayed++
			}
		}
		if replayed != len(answers)-1 {
			s.Errorf("%d of %d say that they are repetitions", replayed, len(answers))
		}
		if rows := strings.Count(s.MustExec("keys", "export"), "o-1"); rows != 20 {
			s.Errorf("%d keys are stored", rows)
		}
		var got issued
		o.Decode(answers[0], 201, &got)
		o.Expect(o.Get("info="+got.Codes[7]), 200, o.Get("info="+got.Codes[0]).Body)
		o.ExpectProblem(o.Call("POST", "/keys", `{"count":21,"order_id":"o-1"}`, "Idempotency-Key", "hook"), 422, "idempotency_key_reused")
		o.ExpectProblem(o.Call("POST", "/keys", body), 400, "idempotency_key_missing")
		if !s.IsSQLite() {
			shops[0].Stop()
			o = shops[1]
		}
		if a := o.Call("POST", "/keys", body, "Idempotency-Key", "hook"); a.Body != answers[0].Body {
			s.Errorf("later: %s", a.Body)
		}
	})
}

// TestAdminAPI uses plans, keys and tasks by the admin API, as a shop does on one day. The tasks succeed, fail or are
// in doubt.
func TestAdminAPI(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		o, file := s.ServeAdmin("--task-attempts", "1")
		for _, p := range []string{"p", "q"} {
			if a := o.Call("PUT", "/plans/"+p, `{"country":"us","slots":3,"address":"1 Street\nTown"}`); a.Code != 204 {
				s.Fatalf("%d %s", a.Code, a.Body)
			}
		}
		if a := o.Call("POST", "/plans/q/retire", ""); a.Code != 204 {
			s.Errorf("%d %s", a.Code, a.Body)
		}
		var keys issued
		o.Decode(o.Call("POST", "/keys", `{"count":4,"order_id":"o","note":"n"}`, "Idempotency-Key", "k"), 201, &keys)
		slices.Sort(keys.Codes)
		o.MustAccept(harness.Upgrade(keys.Codes[0], "success@example.com", "US"))
		o.ExpectEnd(keys.Codes[0], "success", "")
		o.MustAccept(harness.Upgrade(keys.Codes[1], "500=9+success@example.com", "US"))
		o.WaitEnd(keys.Codes[1])
		o.MustAccept(harness.Upgrade(keys.Codes[2], harness.PendingLogin, "US"))
		changeKeysAndTasks(o, keys.Codes)
		o.Token = s.AddToken(file, "books", "export")
		checkLists(o, keys.Codes)
	})
}

// An adminKey is a key as the admin API shows it.
type adminKey struct {
	Code, Status  string
	Used, Revoked bool
	Task          *harness.Task
	Story         struct{ Now string }
	History       []struct{ Event string }
}

// changeKeysAndTasks changes a used key, a key whose task is in doubt, and a key with an open task.
func changeKeysAndTasks(o *harness.Operator, codes []string) {
	o.Helper()
	var done, doubt, open adminKey
	o.Read(&done, "/keys/"+codes[0])
	o.Read(&doubt, "/keys/"+strings.ToLower(codes[1]))
	o.Read(&open, "/keys/"+codes[2])
	if done.Task.Slot != "spent" || doubt.Task.Slot != "suspect" || open.Task.State != "open" || done.Story.Now == "" || done.History[0].Event != "issued" {
		o.Errorf("%+v\n%+v\n%+v", done, doubt, open)
	}
	o.ExpectProblem(o.Call("POST", "/tasks/"+doubt.Task.ID+"/resolve", `{"outcome":"still_premium"}`), 422, "outcome_invalid")
	o.Decode(o.Call("POST", "/tasks/"+doubt.Task.ID+"/resolve", `{"outcome":"wrong_address"}`), 200, doubt.Task)
	o.ExpectProblem(o.Call("POST", "/tasks/"+doubt.Task.ID+"/resolve", `{"outcome":"wrong_address"}`), 409, "not_suspect")
	o.ExpectEnd(codes[1], "failed_upgrade", harness.Messages["wrong_address"])
	o.Decode(o.Call("POST", "/tasks/"+done.Task.ID+"/release", ""), 200, done.Task)
	if doubt.Task.Slot != "free" || done.Task.Slot != "free" || done.Task.Outcome != "success" {
		o.Errorf("%+v, %+v", doubt.Task, done.Task)
	}
	o.Eventually("the task is retried", func() bool { return o.Call("POST", "/tasks/"+open.Task.ID+"/retry", "").Code == 200 })
	o.ExpectProblem(o.Call("POST", "/keys/"+codes[2]+"/reset", ""), 409, "task_open")
	for _, action := range []string{"reset", "revoke"} {
		o.Decode(o.Call("POST", "/keys/"+codes[0]+"/"+action, ""), 200, &done)
	}
	if done.Status != "active" || done.Used || !done.Revoked {
		o.Errorf("%+v", done)
	}
	o.Expect(o.Get("info="+codes[0]), 200, harness.NotExist)
	o.Call("POST", "/keys/"+codes[0]+"/restore", "")
	if a := o.Get("info=" + codes[0]); !strings.HasPrefix(a.Body, `{"status":"active","message":"","username":""`) {
		o.Errorf("restored: %s", a.Body)
	}
}

// checkLists reads the lists, page by page.
func checkLists(o *harness.Operator, codes []string) {
	o.Helper()
	for query, want := range map[string][]string{
		"limit=1&order_id=o":                      codes,
		"status=failed_upgrade":                   codes[1:2],
		"status=in_queue,active&limit=2":          {codes[0], codes[2], codes[3]},
		"revoked=true":                            nil,
		"after=" + url.QueryEscape(codes[1]) + "": codes[2:],
	} {
		var got []string
		for after := ""; ; {
			var page struct {
				Keys []adminKey
				Next *string
			}
			o.Read(&page, "/keys?"+query+after)
			for _, k := range page.Keys {
				got = append(got, k.Code)
			}
			if page.Next == nil {
				break
			}
			after = "&after=" + url.QueryEscape(*page.Next)
			query = strings.TrimPrefix(query, "after="+codes[1])
		}
		if !slices.Equal(got, want) {
			o.Errorf("%s: %q, not %q", query, got, want)
		}
	}
	for state, want := range map[string]int{"": 3, "?state=open": 1, "?state=ended": 2, "?state=suspect": 0} {
		var page struct{ Tasks []harness.Task }
		o.Read(&page, "/tasks"+state)
		if len(page.Tasks) != want {
			o.Errorf("%s: %+v", state, page.Tasks)
		}
	}
	var page struct{ Plans []harness.Plan }
	o.Read(&page, "/plans")
	var sums struct{ Stock []map[string]any }
	o.Read(&sums, "/stock")
	want := map[string]any{"country": "US", "size": 6., "free": 2., "held": 1., "spent": 0., "suspect": 0., "idle": 3.}
	if len(page.Plans) != 2 || page.Plans[1].State != "retired" || len(sums.Stock) != 1 || fmt.Sprint(sums.Stock[0]) != fmt.Sprint(want) {
		o.Errorf("%+v\n%+v", page.Plans, sums)
	}
}

// TestPublicOpenAPIMatchesResponses checks the responses of the public API against its OpenAPI document.
func TestPublicOpenAPIMatchesResponses(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code,status,message,invite,used", "K,,,,", "invite,,,i,1", "said,failed,m,,1", "used,success,,,1")
		s.ImportPlans("p,US,2,,")
		o, _ := s.ServeAdmin()
		doc := o.OpenAPI("public-openapi.json")
		for _, query := range []string{
			"stock", "info=K", "info=invite", "info=said", "info=used", "info=none", "info=", "", "info=%zz",
			harness.Upgrade("used", "a", "US"), harness.Upgrade("K", "", "US"), harness.Renew("invite", "a"), harness.Renew("K", "a"), "renew=used", harness.Upgrade("none", "a", "US"),
			harness.Upgrade("K", harness.PendingLogin, "US"), harness.Upgrade("K", harness.PendingLogin, "US"), harness.Renew("used", harness.PendingLogin),
		} {
			if err := doc.Check("GET", "/API/?", o.Get(query)); err != nil {
				s.Errorf("%s: %v", query, err)
			}
		}
		if err := doc.Check("POST", "/API/", o.Post("info=K")); err != nil {
			s.Error(err)
		}
	})
}

// TestAdminAPIWithoutDatabase checks that each call of the admin API answers 503 in time while the database is down.
func TestAdminAPIWithoutDatabase(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.Options{Durable: true})
	s := harness.NewPostgresShop(t, cluster.URL(t))
	s.AddKeys("K")
	o, _ := s.ServeAdmin()
	cluster.Kill(t)
	for _, target := range []string{"GET /keys", "GET /keys/K", "GET /plans", "GET /stock", "GET /tasks/t", "POST /keys/K/revoke", "PUT /plans/p"} {
		method, path, _ := strings.Cut(target, " ")
		start := time.Now()
		o.ExpectProblem(o.Call(method, path, ""), 503, "unavailable")
		if took := time.Since(start); took > 14*time.Second {
			t.Errorf("%s: after %s", target, took)
		}
	}
	a := o.Call("POST", "/keys", `{"count":3,"order_id":"o"}`, "Idempotency-Key", "k")
	o.ExpectProblem(a, 503, "unavailable")
	cluster.Restart(t)
	s.Eventually("it is ready", func() bool { return o.ReadyStatus() == 200 })
	var got issued
	o.Decode(o.Call("POST", "/keys", `{"count":3,"order_id":"o"}`, "Idempotency-Key", "k"), 201, &got)
	if len(got.Codes) != 3 {
		t.Errorf("%+v", got)
	}
}
