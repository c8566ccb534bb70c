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

// TestWebhooks follows keys through their lives with a receiver that is up, away, and in trouble.
func TestWebhooks(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("before")
		s.importPlans("p,US,1,1 canary street,canary-invite", "q,US,9,,")
		h := s.hook(`, "stock_low": {"US": 10}`)
		s.must("keys", "revoke", "before")
		d := h.serves()
		code, about := h.issueOne()
		h.down()
		d.accepted(upgrade(code, "plan_full.success@canary.example", "US"))
		d.endsAs(code, "success", "")
		d.accepted(renew(code, "still_premium@canary.example"))
		d.ends(code)
		s.must("keys", "revoke", code)
		s.until("a refused connection", func() bool {
			return slices.ContainsFunc(s.deliveries(), func(d delivery) bool { return d.Status == 0 && d.Result == "failed" })
		})
		h.say(func(n int, _ hookCall) (int, string) {
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
		h.up()
		want := []string{"key.issued", "task.finished success", "task.finished still_premium", "key.revoked"}
		s.until("all was told", func() bool {
			return len(h.took()[about]) == len(want) && h.took()["US"] != nil && len(h.faults()) > 0
		})
		if got := h.took()[about]; !slices.Equal(got, want) {
			s.Errorf("told %v, not %v", got, want)
		}
		if got := h.took(); !slices.Equal(got["US"], []string{"stock.low"}) || len(got) != 2 {
			s.Errorf("told in all: %v", got)
		}
		if got := h.faults()[0]; got.Plan != "p" || got.Fault != "full" {
			s.Errorf("the faulty plan: %+v", got)
		}
		d.stop()
		h.nothingSecret(d, code)
	})
}

// faults are the plans that were told to be faulty.
func (h *hooked) faults() (all []hookData) {
	for _, c := range h.all(http.StatusOK) {
		if c.Type == "plan.faulted" {
			all = append(all, c.Data)
		}
	}
	return all
}

// nothingSecret looks for canaries where they must not be.
func (h *hooked) nothingSecret(d *daemon, code string) {
	h.Helper()
	texts := map[string]string{
		"the log":             d.log.String(),
		"the delivery log":    h.must("webhooks", "deliveries", "--output", "json") + h.must("webhooks", "deliveries"),
		"the list":            h.must("webhooks", "list", "--output", "json"),
		"a fault of the file": h.cli("webhooks", "test", "nobody", "--webhook-file", h.file).err,
	}
	for _, c := range h.all(0) {
		texts["the events"] += c.id + c.body + "\n"
	}
	for what, text := range texts {
		for _, secret := range []string{"canary", password, hookSecret, code, "before"} {
			if strings.Contains(text, secret) || text == "" {
				h.Errorf("%q is in %s: %s", secret, what, text)
			}
		}
	}
	if !strings.Contains(h.must("plans", "list", "--output", "json"), "canary") {
		h.Error("the canaries are nowhere")
	}
}

// TestWebhooksOfManyDaemons has a receiver that fails often and is slow, and keys whose events must stay
// in order.
func TestWebhooksOfManyDaemons(t *testing.T) {
	const keys, rounds = 12, 3
	eachDatabase(t, func(s *shop) {
		s.importPlans("p,US,100,,")
		h := s.hook(`, "events": ["key.issued", "task.finished"]`)
		all := []*daemon{h.serves("--key-task-limit=0")}
		for len(all) < 3 && !s.embedded() {
			all = append(all, h.serve(h.hookFlags("--key-task-limit=0")...))
		}
		h.say(func(n int, _ hookCall) (int, string) {
			time.Sleep(time.Duration(n%5) * 5 * time.Millisecond)
			if n%7 == 3 {
				return http.StatusServiceUnavailable, ""
			}
			return http.StatusOK, ""
		})
		codes := s.issue(keys)
		for range rounds {
			for i, code := range codes {
				all[i%len(all)].accepted(upgrade(code, "wrong_address@example.com", "US"))
			}
			for i, code := range codes {
				all[i%len(all)].ends(code)
			}
		}
		s.until("all was told", func() bool {
			n := 0
			for _, told := range h.took() {
				n += len(told)
			}
			return n == keys*(1+rounds)
		})
		accepted := map[string]int{"": 0} // the place of each task; what is about none comes first
		for i, t := range s.tasks() {
			accepted[t.ID] = i + 1
		}
		last := map[string]hookCall{}
		for _, c := range h.all(http.StatusOK) {
			if before := last[c.Data.Key]; accepted[before.Data.Task] > accepted[c.Data.Task] {
				s.Errorf("a key was told of %s after %s", c.body, before.body)
			}
			last[c.Data.Key] = c
		}
		for about, told := range h.took() {
			if told[0] != "key.issued" || len(told) != 1+rounds {
				s.Errorf("%s was told %v", about, told)
			}
		}
	})
}

// TestWebhookGone holds that an endpoint that says so is left alone until an operator resumes it.
func TestWebhookGone(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		h := s.hook("")
		d := h.serves()
		h.say(func(int, hookCall) (int, string) { return http.StatusGone, "" })
		s.issue(1)
		s.until("gone", func() bool { return s.endpoints()[0].State == "gone" })
		h.say(nil)
		s.issue(2)
		s.until("kept", func() bool { return s.endpoints()[0].Waiting == 3 })
		if n := len(h.all(0)); n != 1 {
			s.Errorf("called %d times", n)
		}
		s.must("webhooks", "resume", "shop")
		s.until("all was told", func() bool { return len(h.took()) == 3 && s.endpoints()[0].Waiting == 0 })
		if r := s.cli("webhooks", "resume", "nobody"); r.code != 1 || strings.Count(r.err, "\n") != 1 {
			s.Errorf("resumed nobody: %+v", r)
		}
		if err := os.WriteFile(h.file, []byte("[]"), 0o600); err != nil {
			s.Fatal(err)
		}
		d.stop()
		d = s.serve(h.hookFlags()...)
		s.must("webhooks", "forget", "shop")
		s.issue(1)
		h.configure("")
		s.until("enlisted anew", func() bool { return len(s.endpoints()) == 1 })
		if r := s.cli("webhooks", "forget", "nobody"); r.code != 1 {
			s.Errorf("forgot nobody: %+v", r)
		}
		d.stop()
		if n := len(h.took()); n != 3 {
			s.Errorf("told of %d keys, the last of them while it was forgotten", n)
		}
	})
}

// TestWebhooksWhileNoDaemonRuns holds that what the command line does meanwhile is told, and that a call
// that a killed daemon had begun is made again.
func TestWebhooksWhileNoDaemonRuns(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		h := s.hook("")
		d := h.serves()
		if s.embedded() { // elsewhere the lease has to run out
			called, never := make(chan struct{}), make(chan struct{})
			s.Cleanup(func() { close(never) })
			var once sync.Once
			h.say(func(int, hookCall) (int, string) {
				once.Do(func() { close(called) })
				<-never
				return http.StatusTeapot, ""
			})
			s.issue(1)
			<-called
		}
		d.kill()
		h.say(nil)
		s.issue(1)
		h.serves()
		want := 1
		if s.embedded() {
			want = 2
		}
		s.until("all was told", func() bool { return len(h.took()) == want })
	})
}

// TestWebhookReplay tells again what was told, and what was before.
func TestWebhookReplay(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		old := s.issue(1)[0]
		h := s.hook("")
		h.serves()
		code, about := h.issueOne()
		s.must("keys", "revoke", code)
		s.until("revoked", func() bool { return len(h.took()[about]) == 2 })
		told := h.all(http.StatusOK)
		replay := func(want int, args ...string) []string {
			s.Helper()
			before := len(h.all(http.StatusOK))
			s.must(append([]string{"webhooks", "replay", "shop"}, args...)...)
			s.until("told again", func() bool { return len(h.all(http.StatusOK)) >= before+want && s.endpoints()[0].Waiting == 0 })
			var ids []string
			for _, c := range h.all(http.StatusOK)[before:] {
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
			if r := s.cli(append([]string{"webhooks", "replay"}, args...)...); r.code != want {
				s.Errorf("%v: %+v", args, r)
			}
		}
		for _, args := range [][]string{{"nobody", "--since", "1h"}, {"shop", "--key", "nobody"}} {
			if r := s.cli(append([]string{"webhooks", "replay"}, args...)...); r.code != 1 {
				s.Errorf("%v: %+v", args, r)
			}
		}
		if r := s.cli("webhooks", "replay", "shop", "--since", "soon"); r.code != 2 {
			s.Errorf("since soon: %+v", r)
		}
	})
}

// TestWebhooksToPrivateAddresses holds that none is called unless that is allowed.
func TestWebhooksToPrivateAddresses(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		h := s.hook("")
		_, port, _ := net.SplitHostPort(h.address)
		h.address = "localhost:" + port
		h.configure("")
		d := s.serve("--webhook-file", h.file, "--webhook-plaintext", "--webhook-backoff", "20ms")
		s.until("enlisted", func() bool { return len(s.endpoints()) == 1 })
		s.issue(1)
		s.until("refused", func() bool {
			return slices.ContainsFunc(s.deliveries(), func(d delivery) bool { return strings.Contains(d.Note, "--webhook-private") })
		})
		if r := s.cli("webhooks", "test", "shop", "--webhook-file", h.file, "--webhook-plaintext"); r.code != 1 || !strings.Contains(r.err, "private") {
			s.Errorf("a test: %+v", r)
		}
		if n := len(h.all(0)); n != 0 {
			s.Fatalf("called %d times", n)
		}
		d.stop()
		h.serves()
		s.until("told", func() bool { return len(h.took()) == 1 })
		if r := s.cli("webhooks", "test", "shop", "--webhook-file", h.file, "--webhook-plaintext", "--webhook-private"); r.code != 0 {
			s.Errorf("a test: %+v", r)
		}
		if all := h.all(http.StatusOK); all[len(all)-1].Type != "webhook.test" {
			s.Errorf("the last is %+v", all[len(all)-1])
		}
	})
}

// TestWebhookFileChanges holds that a daemon takes the endpoints as they are, and keeps those that it
// has while the file is at fault; it does not start with such a file.
func TestWebhookFileChanges(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		h := s.hook("")
		if err := os.WriteFile(h.file, []byte("[]"), 0o600); err != nil {
			s.Fatal(err)
		}
		d := s.serve(h.hookFlags()...)
		s.issue(1)
		h.configure("")
		s.until("enlisted", func() bool { return len(s.endpoints()) == 1 })
		if err := os.WriteFile(h.file, []byte(`[{"canary": `), 0o600); err != nil {
			s.Fatal(err)
		}
		s.until("told of the fault", func() bool { return d.log.find("cannot read the endpoints of webhooks") != nil })
		s.issue(1)
		s.until("told", func() bool { return len(h.took()) == 1 })
		if !s.embedded() {
			s.keyFile = ""
		}
		if r := s.cli("serve", "--connector", "sim", "--webhook-file", h.file); r.code == 0 || strings.Contains(r.err, "canary") {
			s.Errorf("served: %+v", r)
		}
	})
}
