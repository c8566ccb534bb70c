package operator_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestWebhooksAreDelivered follows the events of a key to a receiver that is up, down, or fails.
func TestWebhooksAreDelivered(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("before")
		s.ImportPlans("p,US,1,1 canary street,canary-invite", "q,US,9,,")
		h := newReceiver(s, `, "stock_low": {"US": 10}`)
		s.MustExec("keys", "revoke", "before")
		d := h.serveWithEndpoint()
		code, about := h.generateKey()
		h.close()
		d.MustAccept(harness.Upgrade(code, "plan_full.success@canary.example", "US"))
		d.ExpectEnd(code, "success", "")
		d.MustAccept(harness.Renew(code, "still_premium@canary.example"))
		d.WaitEnd(code)
		s.MustExec("keys", "revoke", code)
		s.Eventually("a refused connection", func() bool {
			return slices.ContainsFunc(deliveries(s), func(d delivery) bool { return d.Status == 0 && d.Result == "failed" })
		})
		h.respondWith(func(n int, _ received) (int, string) {
			switch {
			case n%4 == 0:
				return http.StatusInternalServerError, ""
			case n%8 == 1:
				return http.StatusTooManyRequests, "1"
			case n%4 == 2:
				return http.StatusFound, ""
			}
			return http.StatusOK, ""
		})
		h.listen()
		want := []string{"key.issued", "task.finished success", "task.finished still_premium", "key.revoked"}
		s.Eventually("all events are delivered", func() bool {
			return len(h.deliveredTypes()[about]) == len(want) && h.deliveredTypes()["US"] != nil && len(h.faultyPlans()) > 0
		})
		if got := h.deliveredTypes()[about]; !slices.Equal(got, want) {
			s.Errorf("delivered %v, not %v", got, want)
		}
		if got := h.deliveredTypes(); !slices.Equal(got["US"], []string{"stock.low"}) || len(got) != 2 {
			s.Errorf("all deliveries: %v", got)
		}
		if got := h.faultyPlans()[0]; got.Plan != "p" || got.Fault != "full" {
			s.Errorf("the faulty plan: %+v", got)
		}
		d.Stop()
		h.expectNoSecrets(d, code)
	})
}

// faultyPlans returns the data of the events plan.faulted.
func (h *receiver) faultyPlans() (all []eventData) {
	for _, c := range h.calls(http.StatusOK) {
		if c.Type == "plan.faulted" {
			all = append(all, c.Data)
		}
	}
	return all
}

// expectNoSecrets checks that logs and lists contain no secret.
func (h *receiver) expectNoSecrets(d *harness.Daemon, code string) {
	h.Helper()
	texts := map[string]string{
		"the log":             d.Logs.String(),
		"the delivery log":    h.MustExec("webhooks", "deliveries", "--output", "json") + h.MustExec("webhooks", "deliveries"),
		"the list":            h.MustExec("webhooks", "list", "--output", "json"),
		"a fault of the file": h.Exec("webhooks", "test", "nobody", "--webhook-file", h.file).Err,
	}
	for _, c := range h.calls(0) {
		texts["the events"] += c.id + c.body + "\n"
	}
	for what, text := range texts {
		for _, secret := range []string{"canary", harness.Password, hookSecret, code, "before"} {
			if strings.Contains(text, secret) || text == "" {
				h.Errorf("%q is in %s: %s", secret, what, text)
			}
		}
	}
	if !strings.Contains(h.MustExec("plans", "list", "--output", "json"), "canary") {
		h.Error("the canaries are nowhere")
	}
}

// TestWebhooksKeepOrderAcrossDaemons uses a slow receiver that often fails, and several daemons. The events of each key
// must arrive in order.
func TestWebhooksKeepOrderAcrossDaemons(t *testing.T) {
	const keys, rounds = 12, 3
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportPlans("p,US,100,,")
		h := newReceiver(s, `, "events": ["key.issued", "task.finished"]`)
		all := []*harness.Daemon{h.serveWithEndpoint("--key-task-limit=0")}
		for len(all) < 3 && !s.IsSQLite() {
			all = append(all, h.Serve(h.flags("--key-task-limit=0")...))
		}
		h.respondWith(func(n int, _ received) (int, string) {
			time.Sleep(time.Duration(n%5) * 5 * time.Millisecond)
			if n%7 == 3 {
				return http.StatusServiceUnavailable, ""
			}
			return http.StatusOK, ""
		})
		codes := generateKeys(s, keys)
		for range rounds {
			for i, code := range codes {
				all[i%len(all)].MustAccept(harness.Upgrade(code, "wrong_address@example.com", "US"))
			}
			for i, code := range codes {
				all[i%len(all)].WaitEnd(code)
			}
		}
		s.Eventually("all events are delivered", func() bool {
			n := 0
			for _, types := range h.deliveredTypes() {
				n += len(types)
			}
			return n == keys*(1+rounds)
		})
		accepted := map[string]int{"": 0} // the position of each task; an event without a task comes first
		for i, t := range s.Tasks() {
			accepted[t.ID] = i + 1
		}
		last := map[string]received{}
		for _, c := range h.calls(http.StatusOK) {
			if before := last[c.Data.Key]; accepted[before.Data.Task] > accepted[c.Data.Task] {
				s.Errorf("%s was delivered after %s", c.body, before.body)
			}
			last[c.Data.Key] = c
		}
		for about, types := range h.deliveredTypes() {
			if types[0] != "key.issued" || len(types) != 1+rounds {
				s.Errorf("%s got %v", about, types)
			}
		}
	})
}

// TestWebhooksSurviveDaemons checks that a daemon later sends events that commands have caused, and repeats the calls
// of a killed daemon.
func TestWebhooksSurviveDaemons(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		h := newReceiver(s, "")
		d := h.serveWithEndpoint()
		if s.IsSQLite() { // on PostgreSQL the lease would have to expire
			called, never := make(chan struct{}), make(chan struct{})
			s.Cleanup(func() { close(never) })
			var once sync.Once
			h.respondWith(func(int, received) (int, string) {
				once.Do(func() { close(called) })
				<-never
				return http.StatusTeapot, ""
			})
			generateKeys(s, 1)
			<-called
		}
		d.Kill()
		h.respondWith(nil)
		generateKeys(s, 1)
		h.serveWithEndpoint()
		want := 1
		if s.IsSQLite() {
			want = 2
		}
		s.Eventually("all events are delivered", func() bool { return len(h.deliveredTypes()) == want })
	})
}

// TestWebhookReplay sends events again, also events from before the endpoint existed.
func TestWebhookReplay(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		old := generateKeys(s, 1)[0]
		h := newReceiver(s, "")
		h.serveWithEndpoint()
		code, about := h.generateKey()
		s.MustExec("keys", "revoke", code)
		s.Eventually("revoked", func() bool { return len(h.deliveredTypes()[about]) == 2 })
		first := h.calls(http.StatusOK)
		replay := func(want int, args ...string) []string {
			s.Helper()
			before := len(h.calls(http.StatusOK))
			s.MustExec(append([]string{"webhooks", "replay", "shop"}, args...)...)
			s.Eventually("delivered again", func() bool { return len(h.calls(http.StatusOK)) >= before+want && endpoints(s)[0].Waiting == 0 })
			var ids []string
			for _, c := range h.calls(http.StatusOK)[before:] {
				ids = append(ids, c.id)
			}
			return ids
		}
		if ids := replay(2, "--event", first[0].id); !slices.Equal(ids, []string{first[0].id, first[1].id}) {
			s.Errorf("from an event on: %v, of %v", ids, first)
		}
		if ids := replay(1, "--event", first[1].id); !slices.Equal(ids, []string{first[1].id}) {
			s.Errorf("an event: %v, of %v", ids, first)
		}
		if ids := replay(2, "--key", code); !slices.Equal(ids, []string{first[0].id, first[1].id}) {
			s.Errorf("a key: %v, of %v", ids, first)
		}
		if ids := replay(1, "--key", old); len(ids) != 1 || ids[0] == first[0].id {
			s.Errorf("what was before: %v", ids)
		}
		if ids := replay(3, "--since", "1h"); len(ids) != 3 {
			s.Errorf("since: %v", ids)
		}
		if n := len(deliveries(s, "--event", first[0].id)); n != 4 {
			s.Errorf("an event was delivered %d times", n)
		}
		for want, args := range map[int][]string{
			1: {"shop", "--event", "evt_none"}, 2: {"shop"},
		} {
			if r := s.Exec(append([]string{"webhooks", "replay"}, args...)...); r.Code != want {
				s.Errorf("%v: %+v", args, r)
			}
		}
		for _, args := range [][]string{{"nobody", "--since", "1h"}, {"shop", "--key", "nobody"}} {
			if r := s.Exec(append([]string{"webhooks", "replay"}, args...)...); r.Code != 1 {
				s.Errorf("%v: %+v", args, r)
			}
		}
		if r := s.Exec("webhooks", "replay", "shop", "--since", "soon"); r.Code != 2 {
			s.Errorf("since soon: %+v", r)
		}
	})
}
