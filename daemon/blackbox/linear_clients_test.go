package blackbox_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// use does anything with the shared keys, until it is over.
func (r *round) use(client int) {
	for !r.over() {
		key := r.key(rand.IntN(shared))
		do := []string{"info", "info", "upgrade", "renew"}[rand.IntN(4)]
		if do == "info" {
			r.info(client, key)
		} else if !r.change(client, key, do) {
			for !r.over() && r.info(client, key) == "" { //nolint:revive // info does it
			}
		}
		time.Sleep(5 * time.Millisecond) // or a story would be too long to think about
	}
}

// info records what it shows of a key; "": there was no answer.
func (r *round) info(client int, key string) string {
	return r.ask(deed{Client: client, About: key, Do: "info"}, q("info", key), func(body string) string {
		var k shown
		if json.Unmarshal([]byte(body), &k) != nil {
			return body
		}
		return keyLife{status: k.Status, used: k.Used, message: k.Message}.shows()
	}).Got
}

// change asks for an upgrade or a renew, and says whether there was an answer.
func (r *round) change(client int, key, do string) bool {
	with := []string{"success", "success", "invalid_credentials", "account_locked"}[rand.IntN(4)]
	login := fmt.Sprintf("slow=%d+%s@example.com", rand.IntN(20), with)
	form := upgrade(key, login, "FR")
	if do == "renew" {
		form = renew(key, login)
	}
	d := r.ask(deed{Client: client, About: key, Do: do, With: with}, form, func(body string) string { return body })
	return d.Got != ""
}

// shopping buys slots for every n-th key of each plan.
func (r *round) shopping(client, first int) {
	for n := first; n < tickets; n += buyers {
		for _, land := range lands {
			r.buy(client, r.plan(land), land, n)
		}
	}
}

// A bid is a request for a slot.
type bid struct {
	deed
	code string
	sure bool // it was answered
}

// buy asks for a slot, and looks what becomes of it. What was not answered may be accepted only later,
// and is looked at again when all is over.
func (r *round) buy(client int, plan, land string, n int) {
	with := []string{"success", "success", "wrong_address"}[rand.IntN(3)]
	login := fmt.Sprintf("slow=%d+%s@example.com", 5+rand.IntN(30), with)
	b := bid{deed: deed{Client: client, About: plan, Do: "take", Nth: n}, code: r.ticket(plan, n)}
	b.deed = r.ask(b.deed, upgrade(b.code, login, land), func(body string) string { return body })
	b.With, b.sure = with, b.Got != ""
	if !r.follow(client, b) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.doubtful = append(r.doubtful, b)
	}
}

// follow looks at a bid until its end; false: it has not even begun.
func (r *round) follow(client int, b bid) bool {
	for {
		r.count(client)
		look := r.ask(deed{Client: client, About: b.About, Do: "look", Nth: b.Nth}, q("info", b.code), looked)
		switch look.Got {
		case "", seen[held]:
			time.Sleep(5 * time.Millisecond) // or a story would be too long to think about
			continue
		case seen[absent]:
			if b.sure {
				r.Errorf("%s was accepted, and then was active", b.code)
			}
			return false
		case seen[spent], seen[back]:
			r.write(deed{
				Client: 100 + b.Nth, About: b.About, Do: "settle", Nth: b.Nth, With: b.With,
				Got: "done", Call: b.Call, Return: look.Return,
			})
		}
		return true
	}
}

// looked is what an answer to info says of who asked for a slot.
func looked(body string) string {
	var k shown
	_ = json.Unmarshal([]byte(body), &k) // else it is shown as it is
	switch k.Message {
	case messages["out_of_stock"]:
		return seen[none]
	case messages["wrong_address"]:
		return seen[back]
	case "":
		return k.Status
	}
	return body
}

// count records what stock says of every plan.
func (r *round) count(client int) {
	var body string
	d := r.ask(deed{Client: client, About: r.plan(lands[0]), Do: "count"}, "stock", func(b string) string {
		body = b
		return strconv.Itoa(onSale(b, lands[0]))
	})
	if d.Got != "" {
		d.About, d.Got = r.plan(lands[1]), strconv.Itoa(onSale(body, lands[1]))
		r.write(d)
	}
}

// onSale finds a country's free slots in the answer of stock; -1: it is none.
func onSale(body, land string) int {
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

// resizing makes the plans smaller and larger. After a command that failed it stops: it may have
// happened at any time, and too many of those would make a story too hard to think about.
func (r *round) resizing() {
	for failed := false; !failed && !r.over(); time.Sleep(50 * time.Millisecond) {
		failed = !r.resize(r.plan(lands[rand.IntN(len(lands))]), 1+rand.IntN(5))
	}
}

// resize says whether it is known what has become of it.
func (r *round) resize(plan string, slots int) bool {
	id := strings.TrimPrefix(plan, "plan ")
	d := deed{Client: sizer, About: plan, Do: "size", Slots: slots, Call: r.now()}
	result := r.feed(fmt.Sprintf("id,country,slots\n%s,%s,%d\n", id, id[len(id)-2:], slots), "plans", "import", "-")
	d.Return = r.now()
	switch {
	case result.code == 0:
		d.Got = "done"
	case strings.Contains(result.err, "line 2"):
		d.Got = "refused"
	default:
		d.Return = 0
	}
	r.write(d)
	return d.Got != ""
}
