package meter

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/daemon"
)

// api is what the API's callers see.
type api struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
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
	}
}

// Request counts an answered request: it is made for [daemon.API.Observe].
func (m *Meter) Request(o daemon.Observation) {
	m.api.requests.WithLabelValues(o.Call, o.Status, strconv.Itoa(o.Code)).Inc()
	m.api.seconds.WithLabelValues(o.Call).Observe(o.Took.Seconds())
}
