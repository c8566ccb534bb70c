package metrics

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/daemon"
)

// api is what the API's callers see.
type api struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	known    *sync.Map // of series by answered
}

// quick are the buckets of what should take milliseconds: 0.25 ms to 4 s.
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

// Request counts an answered request: it is made for [daemon.API.Observe].
func (m *Recorder) Request(o daemon.Observation) {
	a := m.api.of(answered{o.Call, o.Status, o.Code})
	a.requests.Inc()
	a.seconds.Observe(o.Took.Seconds())
}

type answered struct {
	call, status string
	code         int
}

// series are the metrics that answers of one kind count in.
type series struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// of finds them, which takes longer by way of the labels. The kinds are as few as those.
func (a *api) of(kind answered) series {
	if known, found := a.known.Load(kind); found {
		return known.(series)
	}
	s := series{a.requests.WithLabelValues(kind.call, kind.status, strconv.Itoa(kind.code)), a.seconds.WithLabelValues(kind.call)}
	a.known.Store(kind, s)
	return s
}
