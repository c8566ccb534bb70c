package blackbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// An operator uses the admin API of a daemon. Every answer is held to the document that it serves.
type operator struct {
	*daemon
	token string
	doc   spec
}

// token makes one with the command line.
func (s *shop) token(file, name, role string) string {
	s.Helper()
	return strings.TrimSpace(s.must("admin-token", "add", file, "--name", name, "--role", role))
}

// administered serves with a file of tokens, of which one can write.
func (s *shop) administered(flags ...string) (o *operator, file string) {
	s.Helper()
	file = filepath.Join(s.folder, "admin-tokens")
	token := s.token(file, "webshop", "write")
	d := s.serve(append(flags, "--admin-token-file", file)...)
	return &operator{d, token, d.spec("openapi.json")}, file
}

// do sends a request as that operator.
func (o *operator) do(method, target, body string, headers ...string) answer {
	o.Helper()
	header := http.Header{"Authorization": {"Bearer " + o.token}}
	if body != "" {
		header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	a, err := o.try(method, o.admin+"/admin/v1"+target, body, header)
	if err == nil {
		err = o.doc.check(method, "/admin/v1"+target, a)
	}
	if err != nil || a.header.Get("Cache-Control") != "no-store" {
		o.Errorf("%s %s: %d %s: %v", method, target, a.code, a.body, err)
	}
	return a
}

// reads gets what must be there.
func (o *operator) reads(into any, target string) {
	o.Helper()
	o.read(o.do("GET", target, ""), 200, into)
}

func (o *operator) read(a answer, code int, into any) {
	o.Helper()
	if a.code != code {
		o.Fatalf("got %d %s, want %d", a.code, a.body, code)
	}
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		o.Fatal(err)
	}
}

// refused holds an answer to be that problem.
func (o *operator) refused(a answer, code int, problem string) {
	o.Helper()
	var p struct{ Code string }
	o.read(a, code, &p)
	if p.Code != problem || a.header.Get("Content-Type") != "application/problem+json" {
		o.Errorf("%d %s, want %s", a.code, a.body, problem)
	}
}

// An issue is what an order is answered with.
type issue struct {
	Count int
	Codes []string
}

// TestAnOrderFiftyTimesAtOnce sends the webhook of an order many times at the same time, to every
// daemon that there is: its keys are issued once.
func TestAnOrderFiftyTimesAtOnce(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		o, file := s.administered()
		shops := []*operator{o}
		if !s.embedded() {
			d := s.serve("--admin-token-file", file)
			shops = append(shops, &operator{d, o.token, o.doc})
		}
		const body = `{"count":20,"order_id":"o-1"}`
		var at sync.WaitGroup
		answers := make([]answer, 50)
		for i := range answers {
			at.Go(func() {
				a := shops[i%len(shops)].do("POST", "/keys", body, "Idempotency-Key", "hook")
				for a.code == 503 { // what a webhook's sender does
					a = shops[i%len(shops)].do("POST", "/keys", body, "Idempotency-Key", "hook")
				}
				answers[i] = a
			})
		}
		at.Wait()
		replayed := 0
		for _, a := range answers {
			if a.code != 201 || a.body != answers[0].body {
				t.Errorf("%d %s\nnot %s", a.code, a.body, answers[0].body)
			}
			if a.header.Get("Idempotent-Replayed") == "true" {
				replayed++
			}
		}
		if replayed != len(answers)-1 {
			s.Errorf("%d of %d say that they are repetitions", replayed, len(answers))
		}
		if rows := strings.Count(s.must("keys", "export"), "o-1"); rows != 20 {
			s.Errorf("%d keys are stored", rows)
		}
		var got issue
		o.read(answers[0], 201, &got)
		o.is(o.get("info="+got.Codes[7]), 200, o.get("info="+got.Codes[0]).body)
		o.refused(o.do("POST", "/keys", `{"count":21,"order_id":"o-1"}`, "Idempotency-Key", "hook"), 422, "idempotency_key_reused")
		o.refused(o.do("POST", "/keys", body), 400, "idempotency_key_missing")
		if !s.embedded() {
			shops[0].stop()
			o = shops[1]
		}
		if a := o.do("POST", "/keys", body, "Idempotency-Key", "hook"); a.body != answers[0].body {
			s.Errorf("later: %s", a.body)
		}
	})
}

// TestTheAdminAPI goes through a shop's day: plans, keys, tasks that end, fail and are in doubt.
func TestTheAdminAPI(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		o, _ := s.administered("--task-attempts", "1")
		for _, p := range []string{"p", "q"} {
			if a := o.do("PUT", "/plans/"+p, `{"country":"us","slots":3,"address":"1 Street\nTown"}`); a.code != 204 {
				s.Fatalf("%d %s", a.code, a.body)
			}
		}
		if a := o.do("POST", "/plans/q/retire", ""); a.code != 204 {
			s.Errorf("%d %s", a.code, a.body)
		}
		var keys issue
		o.read(o.do("POST", "/keys", `{"count":4,"order_id":"o","note":"n"}`, "Idempotency-Key", "k"), 201, &keys)
		slices.Sort(keys.Codes)
		o.accepted(upgrade(keys.Codes[0], "success@example.com", "US"))
		o.endsAs(keys.Codes[0], "success", "")
		o.accepted(upgrade(keys.Codes[1], "500=9+success@example.com", "US"))
		o.ends(keys.Codes[1])
		o.accepted(upgrade(keys.Codes[2], pending, "US"))
		o.steers(keys.Codes)
		o.lists(keys.Codes)
	})
}

// A shownKey is what the admin API shows of a key.
type shownKey struct {
	Code, Status  string
	Used, Revoked bool
	Task          *task
	Story         struct{ Now string }
	History       []struct{ Event string }
}

// steers changes the keys and tasks: a success, one in doubt, one at work.
func (o *operator) steers(codes []string) {
	o.Helper()
	var done, doubt, open shownKey
	o.reads(&done, "/keys/"+codes[0])
	o.reads(&doubt, "/keys/"+strings.ToLower(codes[1]))
	o.reads(&open, "/keys/"+codes[2])
	if done.Task.Slot != "spent" || doubt.Task.Slot != "suspect" || open.Task.State != "open" || done.Story.Now == "" || done.History[0].Event != "issued" {
		o.Errorf("%+v\n%+v\n%+v", done, doubt, open)
	}
	o.refused(o.do("POST", "/tasks/"+doubt.Task.ID+"/resolve", `{"outcome":"still_premium"}`), 422, "outcome_invalid")
	o.read(o.do("POST", "/tasks/"+doubt.Task.ID+"/resolve", `{"outcome":"wrong_address"}`), 200, doubt.Task)
	o.refused(o.do("POST", "/tasks/"+doubt.Task.ID+"/resolve", `{"outcome":"wrong_address"}`), 409, "not_suspect")
	o.endsAs(codes[1], "failed_upgrade", messages["wrong_address"])
	o.read(o.do("POST", "/tasks/"+done.Task.ID+"/release", ""), 200, done.Task)
	if doubt.Task.Slot != "free" || done.Task.Slot != "free" || done.Task.Outcome != "success" {
		o.Errorf("%+v, %+v", doubt.Task, done.Task)
	}
	o.until("the task is retried", func() bool { return o.do("POST", "/tasks/"+open.Task.ID+"/retry", "").code == 200 })
	o.refused(o.do("POST", "/keys/"+codes[2]+"/reset", ""), 409, "task_open")
	for _, action := range []string{"reset", "revoke"} {
		o.read(o.do("POST", "/keys/"+codes[0]+"/"+action, ""), 200, &done)
	}
	if done.Status != "active" || done.Used || !done.Revoked {
		o.Errorf("%+v", done)
	}
	o.is(o.get("info="+codes[0]), 200, notExist)
	o.do("POST", "/keys/"+codes[0]+"/restore", "")
	if a := o.get("info=" + codes[0]); !strings.HasPrefix(a.body, `{"status":"active","message":"","username":""`) {
		o.Errorf("restored: %s", a.body)
	}
}

// lists reads the lists, by pages.
func (o *operator) lists(codes []string) {
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
				Keys []shownKey
				Next *string
			}
			o.reads(&page, "/keys?"+query+after)
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
		var page struct{ Tasks []task }
		o.reads(&page, "/tasks"+state)
		if len(page.Tasks) != want {
			o.Errorf("%s: %+v", state, page.Tasks)
		}
	}
	var page struct{ Plans []plan }
	o.reads(&page, "/plans")
	var sums struct{ Stock []map[string]any }
	o.reads(&sums, "/stock")
	want := map[string]any{"country": "US", "size": 6., "free": 2., "held": 1., "spent": 0., "suspect": 0., "idle": 3.}
	if len(page.Plans) != 2 || page.Plans[1].State != "retired" || len(sums.Stock) != 1 || fmt.Sprint(sums.Stock[0]) != fmt.Sprint(want) {
		o.Errorf("%+v\n%+v", page.Plans, sums)
	}
}

// TestThePublicDocumentFits holds the answers of the public API to the document that the daemon
// serves of it.
func TestThePublicDocumentFits(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importKeys("code,status,message,invite,used", "K,,,,", "invite,,,i,1", "said,failed,m,,1", "used,success,,,1")
		s.importPlans("p,US,2,,")
		o, _ := s.administered()
		doc := o.spec("public-openapi.json")
		for _, query := range []string{
			"stock", "info=K", "info=invite", "info=said", "info=used", "info=none", "info=", "", "info=%zz",
			upgrade("used", "a", "US"), upgrade("K", "", "US"), renew("invite", "a"), renew("K", "a"), "renew=used", upgrade("none", "a", "US"),
			upgrade("K", pending, "US"), upgrade("K", pending, "US"), renew("used", pending),
		} {
			if err := doc.check("GET", "/API/?", o.get(query)); err != nil {
				s.Errorf("%s: %v", query, err)
			}
		}
		if err := doc.check("POST", "/API/", o.post("info=K")); err != nil {
			s.Error(err)
		}
	})
}

// TestTheAdminAPIWhileTheDatabaseIsAway holds that it says so in time, as often as it is asked.
func TestTheAdminAPIWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.Options{Durable: true})
	s := onPostgres(t, cluster.URL(t))
	s.fresh("K")
	o, _ := s.administered()
	cluster.Kill(t)
	for _, target := range []string{"GET /keys", "GET /keys/K", "GET /plans", "GET /stock", "GET /tasks/t", "POST /keys/K/revoke", "PUT /plans/p"} {
		method, path, _ := strings.Cut(target, " ")
		start := time.Now()
		o.refused(o.do(method, path, ""), 503, "unavailable")
		if took := time.Since(start); took > 14*time.Second {
			t.Errorf("%s: after %s", target, took)
		}
	}
	a := o.do("POST", "/keys", `{"count":3,"order_id":"o"}`, "Idempotency-Key", "k")
	o.refused(a, 503, "unavailable")
	cluster.Restart(t)
	s.until("it is ready", func() bool { return o.ready() == 200 })
	var got issue
	o.read(o.do("POST", "/keys", `{"count":3,"order_id":"o"}`, "Idempotency-Key", "k"), 201, &got)
	if len(got.Codes) != 3 {
		t.Errorf("%+v", got)
	}
}
