package blackbox_test

import (
	"bytes"
	"encoding/json"
	"sync"
)

// A journal is what a daemon logs.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// find gives the first line with that message; nil: there is none yet.
func (j *journal) find(message string) map[string]any {
	for line := range bytes.Lines([]byte(j.String())) {
		var entry map[string]any
		if json.Unmarshal(line, &entry) == nil && entry["msg"] == message {
			return entry
		}
	}
	return nil
}

// tail is its end, for a person.
func (j *journal) tail() string {
	text := j.String()
	return text[max(0, len(text)-3000):]
}
