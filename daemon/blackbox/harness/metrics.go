package harness

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// A Sample is one value of a metric in a scrape.
type Sample struct {
	Name   string // the name of the metric, which for a histogram ends in _bucket, _sum or _count
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

// Sum adds the samples of a metric that have the labels. At least one sample must have them. The labels are pairs of
// names and values.
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
