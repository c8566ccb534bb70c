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

// entries returns the log lines whose message is the given one.
func (j *LogBuffer) entries(message string) (all []map[string]any) {
	for line := range bytes.Lines([]byte(j.String())) {
		var entry map[string]any
		if json.Unmarshal(line, &entry) == nil && entry["msg"] == message {
			all = append(all, entry)
		}
	}
	return all
}

// Find returns the first log line whose message is the given one, or nil.
func (j *LogBuffer) Find(message string) map[string]any {
	if all := j.entries(message); len(all) > 0 {
		return all[0]
	}
	return nil
}

// Lines returns the log lines with a message that are above the level debug. For the level debug, it returns only the
// number of lines.
func (j *LogBuffer) Lines(message string) (shown []map[string]any, debug int) {
	for _, entry := range j.entries(message) {
		if entry["level"] == "debug" {
			debug++
		} else {
			shown = append(shown, entry)
		}
	}
	return shown, debug
}

// Reset removes all lines.
func (j *LogBuffer) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Reset()
}

// Tail returns the last 3000 bytes of the log.
func (j *LogBuffer) Tail() string {
	text := j.String()
	return text[max(0, len(text)-3000):]
}
