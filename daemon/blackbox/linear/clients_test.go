package linear_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// useKeys makes calls of every kind for the shared keys, until the run ends.
func (r *run) useKeys(client int) {
	for !r.over() {
		key := r.key(rand.IntN(sharedKeys))
		do := []string{"info", "info", "upgrade", "renew"}[rand.IntN(4)]
		if do == "info" {
			r.recordInfo(client, key)
		} else if !r.recordChange(client, key, do) {
			for !r.over() && r.recordInfo(client, key) == "" { //nolint:revive // info pauses
			}
		}
		time.Sleep(5 * time.Millisecond) // a longer history takes too long to check
	}
}

// recordInfo records what info shows of a key, and returns the text of it. The text is "" without an answer.
func (r *run) recordInfo(client int, key string) string {
	return r.send(operation{Client: client, Subject: key, Do: "info"}, harness.Query("info", key), func(body string) string {
		var k harness.KeyInfo
		if json.Unmarshal([]byte(body), &k) != nil {
			return body
		}
		return keyState{status: k.Status, used: k.Used, message: k.Message}.info()
	}).Got
}

// recordChange sends an upgrade or a renew, and reports whether it was answered.
func (r *run) recordChange(client int, key, do string) bool {
	with := []string{"success", "success", "invalid_credentials", "account_locked"}[rand.IntN(4)]
	login := fmt.Sprintf("slow=%d+%s@example.com", rand.IntN(20), with)
	form := harness.Upgrade(key, login, "FR")
	if do == "renew" {
		form = harness.Renew(key, login)
	}
	d := r.send(operation{Client: client, Subject: key, Do: do, With: with}, form, func(body string) string { return body })
	return d.Got != ""
}

// buySlots buys a slot of each plan for every n-th key.
func (r *run) buySlots(client, first int) {
	for n := first; n < keysPerPlan; n += slotBuyers {
		for _, country := range countries {
			r.buySlot(client, r.plan(country), country, n)
		}
	}
}

// An attempt is a request for a slot.
type attempt struct {
	operation
	code     string
	answered bool // the request was answered
}

// buySlot sends a request for a slot, and follows the request. A request without an answer may be accepted later, so it
// is followed again at the end of the run.
func (r *run) buySlot(client int, plan, country string, n int) {
	with := []string{"success", "success", "wrong_address"}[rand.IntN(3)]
	login := fmt.Sprintf("slow=%d+%s@example.com", 5+rand.IntN(30), with)
	b := attempt{operation: operation{Client: client, Subject: plan, Do: "take", Nth: n}, code: r.keyOf(plan, n)}
	b.operation = r.send(b.operation, harness.Upgrade(b.code, login, country), func(body string) string { return body })
	b.With, b.answered = with, b.Got != ""
	if !r.followAttempt(client, b) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.unanswered = append(r.unanswered, b)
	}
}

// followAttempt reads the key until the attempt has ended. It returns false if the request was not accepted.
func (r *run) followAttempt(client int, b attempt) bool {
	for {
		r.recordStock(client)
		info := r.send(operation{Client: client, Subject: b.Subject, Do: "look", Nth: b.Nth}, harness.Query("info", b.code), parseSlotStatus)
		switch info.Got {
		case "", infoOfSlot[held]:
			time.Sleep(5 * time.Millisecond) // a longer history takes too long to check
			continue
		case infoOfSlot[notAccepted]:
			if b.answered {
				r.Errorf("%s was accepted, and then was active", b.code)
			}
			return false
		case infoOfSlot[spent], infoOfSlot[givenBack]:
			r.write(operation{
				Client: 100 + b.Nth, Subject: b.Subject, Do: "settle", Nth: b.Nth, With: b.With,
				Got: "done", Call: b.Call, Return: info.Return,
			})
		}
		return true
	}
}

// parseSlotStatus returns the state of the slot that an info shows.
func parseSlotStatus(body string) string {
	var k harness.KeyInfo
	_ = json.Unmarshal([]byte(body), &k) // a body that is not JSON is returned as it is
	switch k.Message {
	case harness.Messages["out_of_stock"]:
		return infoOfSlot[none]
	case harness.Messages["wrong_address"]:
		return infoOfSlot[givenBack]
	case "":
		return k.Status
	}
	return body
}

// recordStock records the number that stock shows for each plan.
func (r *run) recordStock(client int) {
	var body string
	d := r.send(operation{Client: client, Subject: r.plan(countries[0]), Do: "count"}, "stock", func(b string) string {
		body = b
		return strconv.Itoa(freeSlotsIn(b, countries[0]))
	})
	if d.Got != "" {
		d.Subject, d.Got = r.plan(countries[1]), strconv.Itoa(freeSlotsIn(body, countries[1]))
		r.write(d)
	}
}

// freeSlotsIn returns the free slots of a country in an answer to stock, or -1 for an invalid answer.
func freeSlotsIn(body, country string) int {
	var all []struct {
		Code  string `json:"country_code"`
		Slots int
	}
	if json.Unmarshal([]byte(body), &all) != nil {
		return -1
	}
	for _, l := range all {
		if l.Code == country {
			return l.Slots
		}
	}
	return 0
}

// resizePlans makes plans smaller and larger. It stops after a command that failed, because its effect is unknown.
// Several unknown effects would take too long to check.
func (r *run) resizePlans() {
	for failed := false; !failed && !r.over(); time.Sleep(50 * time.Millisecond) {
		failed = !r.resizePlan(r.plan(countries[rand.IntN(len(countries))]), 1+rand.IntN(5))
	}
}

// resizePlan resizes a plan, and reports whether the effect is known.
func (r *run) resizePlan(plan string, slots int) bool {
	id := strings.TrimPrefix(plan, "plan ")
	d := operation{Client: resizerID, Subject: plan, Do: "size", Slots: slots, Call: r.now()}
	result := r.ExecInput(fmt.Sprintf("id,country,slots\n%s,%s,%d\n", id, id[len(id)-2:], slots), "plans", "import", "-")
	d.Return = r.now()
	switch {
	case result.Code == 0:
		d.Got = "done"
	case strings.Contains(result.Err, "line 2"):
		d.Got = "refused"
	default:
		d.Return = 0
	}
	r.write(d)
	return d.Got != ""
}
