package metrics

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/daemon"
)

// apiMetrics are the metrics of the API: the number and the duration of requests.
type apiMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	series   *sync.Map // the series of each kind of answer, keyed by seriesKey
}

// fastBuckets holds the histogram buckets for operations that normally take milliseconds: 0.25 ms to 4 s.
var fastBuckets = prometheus.ExponentialBuckets(0.00025, 2, 15)

func newAPIMetrics() apiMetrics {
	return apiMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyseat_requests_total", Help: "Requests answered, by call, status in the body and HTTP code.",
		}, []string{"call", "status", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keyseat_request_duration_seconds", Help: "Time to the answer of a request.", Buckets: fastBuckets,
		}, []string{"call"}),
		series: &sync.Map{},
	}
}

// ObserveRequest counts an answered request. Use it as [daemon.API.Observe].
func (m *Recorder) ObserveRequest(o daemon.Observation) {
	a := m.api.seriesFor(seriesKey{o.Call, o.Status, o.Code})
	a.requests.Inc()
	a.seconds.Observe(o.Took.Seconds())
}

// A seriesKey identifies the series of one kind of answer by its label values.
type seriesKey struct {
	call, status string
	code         int
}

// A series holds the metrics that count the answers of one key.
type series struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// seriesFor returns the series of one kind of answer. It caches them, because a lookup by label values is slower.
// The cache stays small because the labels have few values.
func (a *apiMetrics) seriesFor(key seriesKey) series {
	if known, found := a.series.Load(key); found {
		return known.(series)
	}
	s := series{a.requests.WithLabelValues(key.call, key.status, strconv.Itoa(key.code)), a.seconds.WithLabelValues(key.call)}
	a.series.Store(key, s)
	return s
}
