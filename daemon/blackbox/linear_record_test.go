package blackbox_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// A deed is a call that a client made and how it was answered, or what the provider is known to have
// done. Its times are nanoseconds since the chronicle began.
type deed struct {
	Client int
	About  string // the key or the plan whose story it belongs to
	Do     string // a key's: upgrade, renew, info; a plan's: size, take, look, settle, count
	Nth    int    `json:",omitempty"` // of take, look, settle: whose slot
	With   string `json:",omitempty"` // of upgrade, renew, settle: the outcome that the provider gives
	Slots  int    `json:",omitempty"` // of size: how many are wanted
	Got    string // the answer; "": none came, and what was asked for happens at any time or never
	Call   int64
	Return int64 // 0 if there was no answer
}

// A chronicle is what all clients did and saw. Several goroutines may write it.
type chronicle struct {
	Fault string // what happened in its midst
	Deeds []deed

	began time.Time
	mu    sync.Mutex
}

func newChronicle(fault string) *chronicle { return &chronicle{Fault: fault, began: time.Now()} }

// now is the time in the chronicle. It does not follow the wall clock.
func (c *chronicle) now() int64 { return int64(time.Since(c.began)) + 1 }

func (c *chronicle) write(d deed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Deeds = append(c.Deeds, d)
}

// answered counts the deeds with an answer.
func (c *chronicle) answered() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.Deeds {
		if d.Got != "" {
			n++
		}
	}
	return n
}

// stories are the deeds by what they are about, since each of these has a state of its own.
func (c *chronicle) stories() map[string][]deed {
	all := map[string][]deed{}
	for _, d := range c.Deeds {
		all[d.About] = append(all[d.About], d)
	}
	return all
}

// ofPlan says whether a story is a plan's.
func ofPlan(about string) bool { return strings.HasPrefix(about, "plan ") }

func (c *chronicle) clone() *chronicle {
	return &chronicle{Fault: c.Fault, Deeds: slices.Clone(c.Deeds)}
}

// save writes the chronicle to a file that [readChronicle] reads.
func (c *chronicle) save(path string) error {
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func readChronicle(path string) (*chronicle, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := new(chronicle)
	return c, json.Unmarshal(text, c)
}
