package blackbox_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// A sample is one line of a scrape.
type sample struct {
	name   string // with _bucket, _sum or _count, where it is of a histogram
	labels map[string]string
	value  float64
}

// A scrape is what a daemon shows to Prometheus.
type scrape struct {
	*daemon
	text    string
	samples []sample
}

var (
	sampleLine = regexp.MustCompile(`^(\w+)(?:\{(.*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// scrape asks for the metrics as Prometheus does.
func (d *daemon) scrape() scrape {
	d.Helper()
	a, err := d.try(http.MethodGet, d.admin+"/metrics", "", nil)
	if err != nil || a.code != http.StatusOK {
		d.Fatalf("metrics: %d %v", a.code, err)
	}
	s := scrape{d, a.body, nil}
	for line := range strings.Lines(a.body) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			s.samples = append(s.samples, d.sample(line))
		}
	}
	return s
}

func (d *daemon) sample(line string) sample {
	d.Helper()
	parts := sampleLine.FindStringSubmatch(line)
	if parts == nil {
		d.Fatalf("no sample: %s", line)
	}
	value, err := strconv.ParseFloat(parts[3], 64)
	if err != nil {
		d.Fatalf("%s: %v", line, err)
	}
	s := sample{parts[1], map[string]string{}, value}
	for _, pair := range labelPair.FindAllStringSubmatch(parts[2], -1) {
		s.labels[pair[1]] = pair[2]
	}
	return s
}

// sum adds up the samples of a metric that have those labels, given as names and values.
func (s scrape) sum(metric string, labels ...string) float64 {
	s.Helper()
	total, found := 0.0, false
	for _, sample := range s.samples {
		if sample.name == metric && sample.has(labels) {
			total, found = total+sample.value, true
		}
	}
	if !found {
		s.Errorf("there is no %s%v", metric, labels)
	}
	return total
}

func (s sample) has(labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		if s.labels[labels[i]] != labels[i+1] {
			return false
		}
	}
	return true
}

// labels are those of each metric that is shown, and "" to say that it is.
func (s scrape) labels() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for _, sample := range s.samples {
		if all[sample.name] == nil {
			all[sample.name] = map[string]bool{"": true}
		}
		for label := range sample.labels {
			all[sample.name][label] = true
		}
	}
	return all
}
