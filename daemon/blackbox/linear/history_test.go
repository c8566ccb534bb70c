package linear_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// An operation is a call of a client with its answer, or a known effect at the provider. Its times are nanoseconds
// since the start of the history.
type operation struct {
	Client  int
	Subject string // the key or plan that it belongs to
	Do      string // of a key: upgrade, renew, info; of a plan: size, take, look, settle, count
	Nth     int    `json:",omitempty"` // for take, look and settle: the number of the slot's buyer
	With    string `json:",omitempty"` // for upgrade, renew and settle: the outcome that the provider returns
	Slots   int    `json:",omitempty"` // for size: the new number of slots
	Got     string // the answer; "": no answer, so the operation happens at any later time or never
	Call    int64
	Return  int64 // 0 without an answer
}

// A history is all operations of a run. Several goroutines may write it.
type history struct {
	Fault      string // what broke in the middle
	Operations []operation

	start time.Time
	mu    sync.Mutex
}

func newHistory(fault string) *history { return &history{Fault: fault, start: time.Now()} }

// now returns the time since the start. It does not follow the wall clock.
func (c *history) now() int64 { return int64(time.Since(c.start)) + 1 }

func (c *history) write(d operation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Operations = append(c.Operations, d)
}

// answered counts the operations with an answer.
func (c *history) answered() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.Operations {
		if d.Got != "" {
			n++
		}
	}
	return n
}

// bySubject groups the operations, because each key and each plan has a state of its own.
func (c *history) bySubject() map[string][]operation {
	all := map[string][]operation{}
	for _, d := range c.Operations {
		all[d.Subject] = append(all[d.Subject], d)
	}
	return all
}

// isPlan reports whether a subject is a plan.
func isPlan(about string) bool { return strings.HasPrefix(about, "plan ") }

func (c *history) clone() *history {
	return &history{Fault: c.Fault, Operations: slices.Clone(c.Operations)}
}

// save writes the history to a file for readHistory.
func (c *history) save(path string) error {
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func readHistory(path string) (*history, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := new(history)
	return c, json.Unmarshal(text, c)
}

// mutateOversold returns a history in which every request that found no slot gets one. It returns nil if the plans had
// enough slots for all requests.
func mutateOversold(c *history) *history {
	mutated := c.clone()
	sold, largest := map[string]int{}, map[string]int{}
	var settled []operation
	for i, d := range mutated.Operations {
		switch {
		case d.Do == "size":
			largest[d.Subject] = max(largest[d.Subject], d.Slots)
		case d.Do == "settle" && d.With == "success":
			sold[d.Subject]++
		case d.Do == "look" && d.Got == infoOfSlot[none]:
			mutated.Operations[i].Got = infoOfSlot[spent]
			sold[d.Subject]++
			settled = append(settled, operation{
				Client: 100 + d.Nth, Subject: d.Subject, Do: "settle", Nth: d.Nth, With: "success", Got: "done", Call: 1, Return: d.Return,
			})
		}
	}
	mutated.Operations = append(mutated.Operations, settled...)
	for plan := range sold {
		if sold[plan] > largest[plan] {
			return mutated
		}
	}
	return nil
}

// mutateStale returns a history in which one info of a key shows the first state after a request for the key was
// accepted. It returns nil if no info was sent after that.
//
// The search for an order cannot pass the answer of that info. Before it gives up, it tries every place of every
// request without an answer that was sent before. So the info with the fewest such requests is taken.
func mutateStale(c *history) *history {
	accepted, open := map[string]int64{}, map[string][]int64{} // by key: the first answer, and calls without an answer
	for _, d := range c.Operations {
		if first := accepted[d.Subject]; d.Got == "" {
			open[d.Subject] = append(open[d.Subject], d.Call)
		} else if strings.HasPrefix(d.Got, `{"status":"success"`) && (first == 0 || d.Return < first) {
			accepted[d.Subject] = d.Return
		}
	}
	stale, fewest := -1, 0
	for i, d := range c.Operations {
		if first := accepted[d.Subject]; isPlan(d.Subject) || d.Do != "info" || first == 0 || d.Call <= first {
			continue
		}
		before := 0
		for _, call := range open[d.Subject] {
			if call < d.Return {
				before++
			}
		}
		if stale < 0 || before < fewest {
			stale, fewest = i, before
		}
	}
	if stale < 0 {
		return nil
	}
	mutated := c.clone()
	mutated.Operations[stale].Got = keyState{status: "active"}.info()
	return mutated
}
