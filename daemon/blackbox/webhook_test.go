package blackbox_test

import (
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestWebhooksAreDelivered follows keys through their lives with a receiver that is up, away, and in trouble.
func TestWebhooksAreDelivered(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("before")
		s.ImportPlans("p,US,1,1 canary street,canary-invite", "q,US,9,,")
		h := s.newReceiver(`, "stock_low": {"US": 10}`)
		s.MustExec("keys", "revoke", "before")
		d := h.serveWithEndpoint()
		code, about := h.generateKey()
		h.close()
		d.MustAccept(Upgrade(code, "plan_full.success@canary.example", "US"))
		d.ExpectEnd(code, "success", "")
		d.MustAccept(Renew(code, "still_premium@canary.example"))
		d.WaitEnd(code)
		s.MustExec("keys", "revoke", code)
		s.Eventually("a refused connection", func() bool {
			return slices.ContainsFunc(s.deliveries(), func(d delivery) bool { return d.Status == 0 && d.Result == "failed" })
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
		s.Eventually("all was told", func() bool {
			return len(h.deliveredTypes()[about]) == len(want) && h.deliveredTypes()["US"] != nil && len(h.faultyPlans()) > 0
		})
		if got := h.deliveredTypes()[about]; !slices.Equal(got, want) {
			s.Errorf("told %v, not %v", got, want)
		}
		if got := h.deliveredTypes(); !slices.Equal(got["US"], []string{"stock.low"}) || len(got) != 2 {
			s.Errorf("told in all: %v", got)
		}
		if got := h.faultyPlans()[0]; got.Plan != "p" || got.Fault != "full" {
			s.Errorf("the faulty plan: %+v", got)
		}
		d.Stop()
		h.expectNoSecrets(d, code)
	})
}

// faultyPlans are the plans that were told to be faulty.
func (h *receiver) faultyPlans() (all []eventData) {
	for _, c := range h.calls(http.StatusOK) {
		if c.Type == "plan.faulted" {
			all = append(all, c.Data)
		}
	}
	return all
}

// expectNoSecrets looks for canaries where they must not be.
func (h *receiver) expectNoSecrets(d *Daemon, code string) {
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
		for _, secret := range []string{"canary", Password, hookSecret, code, "before"} {
			if strings.Contains(text, secret) || text == "" {
				h.Errorf("%q is in %s: %s", secret, what, text)
			}
		}
	}
	if !strings.Contains(h.MustExec("plans", "list", "--output", "json"), "canary") {
		h.Error("the canaries are nowhere")
	}
}

// TestWebhooksKeepOrderAcrossDaemons has a receiver that fails often and is slow, and keys whose events must stay
// in order.
func TestWebhooksKeepOrderAcrossDaemons(t *testing.T) {
	const keys, rounds = 12, 3
	ForEachDatabase(t, func(s *Shop) {
		s.ImportPlans("p,US,100,,")
		h := s.newReceiver(`, "events": ["key.issued", "task.finished"]`)
		all := []*Daemon{h.serveWithEndpoint("--key-task-limit=0")}
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
		codes := s.generateKeys(keys)
		for range rounds {
			for i, code := range codes {
				all[i%len(all)].MustAccept(Upgrade(code, "wrong_address@example.com", "US"))
			}
			for i, code := range codes {
				all[i%len(all)].WaitEnd(code)
			}
		}
		s.Eventually("all was told", func() bool {
			n := 0
			for _, told := range h.deliveredTypes() {
				n += len(told)
			}
			return n == keys*(1+rounds)
		})
		accepted := map[string]int{"": 0} // the place of each task; what is about none comes first
		for i, t := range s.Tasks() {
			accepted[t.ID] = i + 1
		}
		last := map[string]received{}
		for _, c := range h.calls(http.StatusOK) {
			if before := last[c.Data.Key]; accepted[before.Data.Task] > accepted[c.Data.Task] {
				s.Errorf("a key was told of %s after %s", c.body, before.body)
			}
			last[c.Data.Key] = c
		}
		for about, told := range h.deliveredTypes() {
			if told[0] != "key.issued" || len(told) != 1+rounds {
				s.Errorf("%s was told %v", about, told)
			}
		}
	})
}

// TestWebhook410DisablesEndpoint holds that an endpoint that says so is left alone until an operator resumes it.
func TestWebhook410DisablesEndpoint(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		h := s.newReceiver("")
		d := h.serveWithEndpoint()
		h.respondWith(func(int, received) (int, string) { return http.StatusGone, "" })
		s.generateKeys(1)
		s.Eventually("gone", func() bool { return s.endpoints()[0].State == "gone" })
		h.respondWith(nil)
		s.generateKeys(2)
		s.Eventually("kept", func() bool { return s.endpoints()[0].Waiting == 3 })
		if n := len(h.calls(0)); n != 1 {
			s.Errorf("called %d times", n)
		}
		s.MustExec("webhooks", "resume", "shop")
		s.Eventually("all was told", func() bool { return len(h.deliveredTypes()) == 3 && s.endpoints()[0].Waiting == 0 })
		if r := s.Exec("webhooks", "resume", "nobody"); r.Code != 1 || strings.Count(r.Err, "\n") != 1 {
			s.Errorf("resumed nobody: %+v", r)
		}
		if err := os.WriteFile(h.file, []byte("[]"), 0o600); err != nil {
			s.Fatal(err)
		}
		d.Stop()
		d = s.Serve(h.flags()...)
		s.MustExec("webhooks", "forget", "shop")
		s.generateKeys(1)
		h.configure("")
		s.Eventually("enlisted anew", func() bool { return len(s.endpoints()) == 1 })
		if r := s.Exec("webhooks", "forget", "nobody"); r.Code != 1 {
			s.Errorf("forgot nobody: %+v", r)
		}
		d.Stop()
		if n := len(h.deliveredTypes()); n != 3 {
			s.Errorf("told of %d keys, the last of them while it was forgotten", n)
		}
	})
}

// TestWebhooksSurviveDaemons holds that what the command line does meanwhile is told, and that a call
// that a killed daemon had begun is made again.
func TestWebhooksSurviveDaemons(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		h := s.newReceiver("")
		d := h.serveWithEndpoint()
		if s.IsSQLite() { // elsewhere the lease has to run out
			called, never := make(chan struct{}), make(chan struct{})
			s.Cleanup(func() { close(never) })
			var once sync.Once
			h.respondWith(func(int, received) (int, string) {
				once.Do(func() { close(called) })
				<-never
				return http.StatusTeapot, ""
			})
			s.generateKeys(1)
			<-called
		}
		d.Kill()
		h.respondWith(nil)
		s.generateKeys(1)
		h.serveWithEndpoint()
		want := 1
		if s.IsSQLite() {
			want = 2
		}
		s.Eventually("all was told", func() bool { return len(h.deliveredTypes()) == want })
	})
}

// TestWebhookReplay tells again what was told, and what was before.
func TestWebhookReplay(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		old := s.generateKeys(1)[0]
		h := s.newReceiver("")
		h.serveWithEndpoint()
		code, about := h.generateKey()
		s.MustExec("keys", "revoke", code)
		s.Eventually("revoked", func() bool { return len(h.deliveredTypes()[about]) == 2 })
		told := h.calls(http.StatusOK)
		replay := func(want int, args ...string) []string {
			s.Helper()
			before := len(h.calls(http.StatusOK))
			s.MustExec(append([]string{"webhooks", "replay", "shop"}, args...)...)
			s.Eventually("told again", func() bool { return len(h.calls(http.StatusOK)) >= before+want && s.endpoints()[0].Waiting == 0 })
			var ids []string
			for _, c := range h.calls(http.StatusOK)[before:] {
				ids = append(ids, c.id)
			}
			return ids
		}
		if ids := replay(2, "--event", told[0].id); !slices.Equal(ids, []string{told[0].id, told[1].id}) {
			s.Errorf("from an event on: %v, of %v", ids, told)
		}
		if ids := replay(1, "--event", told[1].id); !slices.Equal(ids, []string{told[1].id}) {
			s.Errorf("an event: %v, of %v", ids, told)
		}
		if ids := replay(2, "--key", code); !slices.Equal(ids, []string{told[0].id, told[1].id}) {
			s.Errorf("a key: %v, of %v", ids, told)
		}
		if ids := replay(1, "--key", old); len(ids) != 1 || ids[0] == told[0].id {
			s.Errorf("what was before: %v", ids)
		}
		if ids := replay(3, "--since", "1h"); len(ids) != 3 {
			s.Errorf("since: %v", ids)
		}
		if n := len(s.deliveries("--event", told[0].id)); n != 4 {
			s.Errorf("an event was told %d times", n)
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

// TestWebhooksAvoidPrivateAddresses holds that none is called unless that is allowed.
func TestWebhooksAvoidPrivateAddresses(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		h := s.newReceiver("")
		_, port, _ := net.SplitHostPort(h.address)
		h.address = "localhost:" + port
		h.configure("")
		d := s.Serve("--webhook-file", h.file, "--webhook-plaintext", "--webhook-backoff", "20ms")
		s.Eventually("enlisted", func() bool { return len(s.endpoints()) == 1 })
		s.generateKeys(1)
		s.Eventually("refused", func() bool {
			return slices.ContainsFunc(s.deliveries(), func(d delivery) bool { return strings.Contains(d.Note, "--webhook-private") })
		})
		if r := s.Exec("webhooks", "test", "shop", "--webhook-file", h.file, "--webhook-plaintext"); r.Code != 1 || !strings.Contains(r.Err, "private") {
			s.Errorf("a test: %+v", r)
		}
		if n := len(h.calls(0)); n != 0 {
			s.Fatalf("called %d times", n)
		}
		d.Stop()
		h.serveWithEndpoint()
		s.Eventually("told", func() bool { return len(h.deliveredTypes()) == 1 })
		if r := s.Exec("webhooks", "test", "shop", "--webhook-file", h.file, "--webhook-plaintext", "--webhook-private"); r.Code != 0 {
			s.Errorf("a test: %+v", r)
		}
		if all := h.calls(http.StatusOK); all[len(all)-1].Type != "webhook.test" {
			s.Errorf("the last is %+v", all[len(all)-1])
		}
	})
}

// TestWebhookFileIsReloaded holds that a daemon takes the endpoints as they are, and keeps those that it
// has while the file is at fault; it does not start with such a file.
func TestWebhookFileIsReloaded(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		h := s.newReceiver("")
		if err := os.WriteFile(h.file, []byte("[]"), 0o600); err != nil {
			s.Fatal(err)
		}
		d := s.Serve(h.flags()...)
		s.generateKeys(1)
		h.configure("")
		s.Eventually("enlisted", func() bool { return len(s.endpoints()) == 1 })
		if err := os.WriteFile(h.file, []byte(`[{"canary": `), 0o600); err != nil {
			s.Fatal(err)
		}
		s.Eventually("told of the fault", func() bool { return d.Logs.Find("cannot read the endpoints of webhooks") != nil })
		s.generateKeys(1)
		s.Eventually("told", func() bool { return len(h.deliveredTypes()) == 1 })
		if !s.IsSQLite() {
			s.KeyFile = ""
		}
		if r := s.Exec("serve", "--connector", "sim", "--webhook-file", h.file); r.Code == 0 || strings.Contains(r.Err, "canary") {
			s.Errorf("served: %+v", r)
		}
	})
}
