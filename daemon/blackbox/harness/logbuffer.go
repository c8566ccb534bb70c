package harness

import (
	"bytes"
	"encoding/json"
	"sync"
)

// A LogBuffer collects the log of a process. Several goroutines may use it.
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

// String returns everything that was logged.
func (j *LogBuffer) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// Find returns the first line with a message, or nil.
func (j *LogBuffer) Find(message string) map[string]any {
	for line := range bytes.Lines([]byte(j.String())) {
		var entry map[string]any
		if json.Unmarshal(line, &entry) == nil && entry["msg"] == message {
			return entry
		}
	}
	return nil
}

// Reset removes all lines.
func (j *LogBuffer) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Reset()
}

// Tail returns the end of the log, for a person.
func (j *LogBuffer) Tail() string {
	text := j.String()
	return text[max(0, len(text)-3000):]
}

// Lines returns the lines with a message that are above the level debug, and the number of those at debug.
func (j *LogBuffer) Lines(message string) (shown []map[string]any, debug int) {
	for line := range bytes.Lines([]byte(j.String())) {
		var entry map[string]any
		switch {
		case json.Unmarshal(line, &entry) != nil || entry["msg"] != message:
		case entry["level"] == "debug":
			debug++
		default:
			shown = append(shown, entry)
		}
	}
	return shown, debug
}
