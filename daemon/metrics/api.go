package metrics

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/daemon"
)

// The type api holds the metrics of the API: the number and the duration of requests.
type api struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	known    *sync.Map // the series of each kind of answer, keyed by answered
}

// quick holds the histogram buckets for operations that normally take milliseconds: 0.25 ms to 4 s.
var quick = prometheus.ExponentialBuckets(0.00025, 2, 15)

func newAPI() api {
	return api{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyseat_requests_total", Help: "Requests answered, by call, status in the body and HTTP code.",
		}, []string{"call", "status", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keyseat_request_duration_seconds", Help: "Time to the answer of a request.", Buckets: quick,
		}, []string{"call"}),
		known: &sync.Map{},
	}
}

// Request counts an answered request. Use it as [daemon.API.Observe].
func (m *Recorder) Request(o daemon.Observation) {
	a := m.api.of(answered{o.Call, o.Status, o.Code})
	a.requests.Inc()
	a.seconds.Observe(o.Took.Seconds())
}

type answered struct {
	call, status string
	code         int
}

// A series holds the metrics that count the answers of one kind.
type series struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// of returns the series of one kind of answer. It caches them, because a lookup by label values is slower.
// The cache stays small because the labels have few values.
func (a *api) of(kind answered) series {
	if known, found := a.known.Load(kind); found {
		return known.(series)
	}
	s := series{a.requests.WithLabelValues(kind.call, kind.status, strconv.Itoa(kind.code)), a.seconds.WithLabelValues(kind.call)}
	a.known.Store(kind, s)
	return s
}
