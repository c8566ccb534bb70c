package blackbox_test

import (
	"bytes"
	"encoding/json"
	"sync"
)

// A LogBuffer is what a daemon logs.
type LogBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (j *LogBuffer) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *LogBuffer) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// Find gives the first line with that message; nil: there is none yet.
func (j *LogBuffer) Find(message string) map[string]any {
	for line := range bytes.Lines([]byte(j.String())) {
		var entry map[string]any
		if json.Unmarshal(line, &entry) == nil && entry["msg"] == message {
			return entry
		}
	}
	return nil
}

// Tail is its end, for a person.
func (j *LogBuffer) Tail() string {
	text := j.String()
	return text[max(0, len(text)-3000):]
}
