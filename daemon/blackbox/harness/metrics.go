package harness

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// A Sample is one line of a scrape.
type Sample struct {
	Name   string // of a histogram, it ends in _bucket, _sum or _count
	Labels map[string]string
	Value  float64
}

// A Scrape is a response of /metrics.
type Scrape struct {
	*Daemon
	Text    string
	Samples []Sample
}

var (
	sampleLine = regexp.MustCompile(`^(\w+)(?:\{(.*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// Scrape reads the metrics as Prometheus does.
func (d *Daemon) Scrape() Scrape {
	d.Helper()
	a, err := d.Send(http.MethodGet, d.AdminURL+"/metrics", "", nil)
	if err != nil || a.Code != http.StatusOK {
		d.Fatalf("metrics: %d %v", a.Code, err)
	}
	s := Scrape{d, a.Body, nil}
	for line := range strings.Lines(a.Body) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			s.Samples = append(s.Samples, d.parseSample(line))
		}
	}
	return s
}

func (d *Daemon) parseSample(line string) Sample {
	d.Helper()
	parts := sampleLine.FindStringSubmatch(line)
	if parts == nil {
		d.Fatalf("not a sample: %s", line)
	}
	value, err := strconv.ParseFloat(parts[3], 64)
	if err != nil {
		d.Fatalf("%s: %v", line, err)
	}
	s := Sample{parts[1], map[string]string{}, value}
	for _, pair := range labelPair.FindAllStringSubmatch(parts[2], -1) {
		s.Labels[pair[1]] = pair[2]
	}
	return s
}

// Sum adds the samples of a metric that have the labels. labels are pairs of names and values.
func (s Scrape) Sum(metric string, labels ...string) float64 {
	s.Helper()
	total, found := 0.0, false
	for _, sample := range s.Samples {
		if sample.Name == metric && sample.has(labels) {
			total, found = total+sample.Value, true
		}
	}
	if !found {
		s.Errorf("the scrape lacks %s%v", metric, labels)
	}
	return total
}

func (s Sample) has(labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		if s.Labels[labels[i]] != labels[i+1] {
			return false
		}
	}
	return true
}

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

// entries returns the lines with a message.
func (j *LogBuffer) entries(message string) (all []map[string]any) {
	for line := range bytes.Lines([]byte(j.String())) {
		var entry map[string]any
		if json.Unmarshal(line, &entry) == nil && entry["msg"] == message {
			all = append(all, entry)
		}
	}
	return all
}

// Find returns the first line with a message, or nil.
func (j *LogBuffer) Find(message string) map[string]any {
	if all := j.entries(message); len(all) > 0 {
		return all[0]
	}
	return nil
}

// Lines returns the lines with a message that are above the level debug, and the number of those at debug.
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

// Tail returns the end of the log, for a person.
func (j *LogBuffer) Tail() string {
	text := j.String()
	return text[max(0, len(text)-3000):]
}
