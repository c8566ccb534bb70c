package blackbox_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// useKeys does anything with the shared keys, until it is over.
func (r *run) useKeys(client int) {
	for !r.over() {
		key := r.key(rand.IntN(sharedKeys))
		do := []string{"info", "info", "upgrade", "renew"}[rand.IntN(4)]
		if do == "info" {
			r.recordInfo(client, key)
		} else if !r.recordChange(client, key, do) {
			for !r.over() && r.recordInfo(client, key) == "" { //nolint:revive // info does it
			}
		}
		time.Sleep(5 * time.Millisecond) // or a story would be too long to think about
	}
}

// recordInfo records what it shows of a key; "": there was no answer.
func (r *run) recordInfo(client int, key string) string {
	return r.send(operation{Client: client, Subject: key, Do: "info"}, Query("info", key), func(body string) string {
		var k KeyInfo
		if json.Unmarshal([]byte(body), &k) != nil {
			return body
		}
		return keyState{status: k.Status, used: k.Used, message: k.Message}.info()
	}).Got
}

// recordChange asks for an upgrade or a renew, and says whether there was an answer.
func (r *run) recordChange(client int, key, do string) bool {
	with := []string{"success", "success", "invalid_credentials", "account_locked"}[rand.IntN(4)]
	login := fmt.Sprintf("slow=%d+%s@example.com", rand.IntN(20), with)
	form := Upgrade(key, login, "FR")
	if do == "renew" {
		form = Renew(key, login)
	}
	d := r.send(operation{Client: client, Subject: key, Do: do, With: with}, form, func(body string) string { return body })
	return d.Got != ""
}

// buySlots buys slots for every n-th key of each plan.
func (r *run) buySlots(client, first int) {
	for n := first; n < keysPerPlan; n += slotBuyers {
		for _, land := range countries {
			r.buySlot(client, r.plan(land), land, n)
		}
	}
}

// A attempt is a request for a slot.
type attempt struct {
	operation
	code     string
	answered bool // it was answered
}

// buySlot asks for a slot, and looks what becomes of it. What was not answered may be accepted only later,
// and is looked at again when all is over.
func (r *run) buySlot(client int, plan, land string, n int) {
	with := []string{"success", "success", "wrong_address"}[rand.IntN(3)]
	login := fmt.Sprintf("slow=%d+%s@example.com", 5+rand.IntN(30), with)
	b := attempt{operation: operation{Client: client, Subject: plan, Do: "take", Nth: n}, code: r.keyOf(plan, n)}
	b.operation = r.send(b.operation, Upgrade(b.code, login, land), func(body string) string { return body })
	b.With, b.answered = with, b.Got != ""
	if !r.followAttempt(client, b) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.unanswered = append(r.unanswered, b)
	}
}

// followAttempt looks at a bid until its end; false: it has not even begun.
func (r *run) followAttempt(client int, b attempt) bool {
	for {
		r.recordStock(client)
		look := r.send(operation{Client: client, Subject: b.Subject, Do: "look", Nth: b.Nth}, Query("info", b.code), parseSlotStatus)
		switch look.Got {
		case "", infoOfSlot[held]:
			time.Sleep(5 * time.Millisecond) // or a story would be too long to think about
			continue
		case infoOfSlot[notAccepted]:
			if b.answered {
				r.Errorf("%s was accepted, and then was active", b.code)
			}
			return false
		case infoOfSlot[spent], infoOfSlot[givenBack]:
			r.write(operation{
				Client: 100 + b.Nth, Subject: b.Subject, Do: "settle", Nth: b.Nth, With: b.With,
				Got: "done", Call: b.Call, Return: look.Return,
			})
		}
		return true
	}
}

// parseSlotStatus is what an answer to info says of who asked for a slot.
func parseSlotStatus(body string) string {
	var k KeyInfo
	_ = json.Unmarshal([]byte(body), &k) // else it is shown as it is
	switch k.Message {
	case Messages["out_of_stock"]:
		return infoOfSlot[none]
	case Messages["wrong_address"]:
		return infoOfSlot[givenBack]
	case "":
		return k.Status
	}
	return body
}

// recordStock records what stock says of every plan.
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

// freeSlotsIn finds a country's free slots in the answer of stock; -1: it is none.
func freeSlotsIn(body, land string) int {
	var all []struct {
		Code  string `json:"country_code"`
		Slots int
	}
	if json.Unmarshal([]byte(body), &all) != nil {
		return -1
	}
	for _, l := range all {
		if l.Code == land {
			return l.Slots
		}
	}
	return 0
}

// resizePlans makes the plans smaller and larger. After a command that failed it stops: it may have
// happened at any time, and too many of those would make a story too hard to think about.
func (r *run) resizePlans() {
	for failed := false; !failed && !r.over(); time.Sleep(50 * time.Millisecond) {
		failed = !r.resizePlan(r.plan(countries[rand.IntN(len(countries))]), 1+rand.IntN(5))
	}
}

// resizePlan says whether it is known what has become of it.
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
