package blackbox_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// A operation is a call that a client made and how it was answered, or what the provider is known to have
// done. Its times are nanoseconds since the chronicle began.
type operation struct {
	Client  int
	Subject string // the key or the plan whose story it belongs to
	Do      string // a key's: upgrade, renew, info; a plan's: size, take, look, settle, count
	Nth     int    `json:",omitempty"` // of take, look, settle: whose slot
	With    string `json:",omitempty"` // of upgrade, renew, settle: the outcome that the provider gives
	Slots   int    `json:",omitempty"` // of size: how many are wanted
	Got     string // the answer; "": none came, and what was asked for happens at any time or never
	Call    int64
	Return  int64 // 0 if there was no answer
}

// A history is what all clients did and saw. Several goroutines may write it.
type history struct {
	Fault      string // what happened in its midst
	Operations []operation

	start time.Time
	mu    sync.Mutex
}

func newHistory(fault string) *history { return &history{Fault: fault, start: time.Now()} }

// now is the time in the chronicle. It does not follow the wall clock.
func (c *history) now() int64 { return int64(time.Since(c.start)) + 1 }

func (c *history) write(d operation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Operations = append(c.Operations, d)
}

// answered counts the deeds with an answer.
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

// bySubject are the deeds by what they are about, since each of these has a state of its own.
func (c *history) bySubject() map[string][]operation {
	all := map[string][]operation{}
	for _, d := range c.Operations {
		all[d.Subject] = append(all[d.Subject], d)
	}
	return all
}

// isPlan says whether a story is a plan's.
func isPlan(about string) bool { return strings.HasPrefix(about, "plan ") }

func (c *history) clone() *history {
	return &history{Fault: c.Fault, Operations: slices.Clone(c.Operations)}
}

// save writes the chronicle to a file that [blackbox.readHistory] reads.
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
