package metrics

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/stats"
)

// A Source returns the state of the task queue and of the stock. A store that is a [tasks.Store] and a
// [adminstore.AdminStore] is a Source.
type Source interface {
	QueueStats(ctx context.Context) (stats.Queue, error)
	Stock(ctx context.Context) ([]stock.Level, error)
}

// Watch reads a source at each scrape, with one query for the queue and one for the stock. If a query fails
// or exceeds its time, the scrape lacks its metrics, and keyseat_database_up is 0 for it.
func (m *Recorder) Watch(shop Source, log *slog.Logger) {
	m.registry.MustRegister(&watch{shop: shop, log: log})
}

// patience bounds the time of both queries together. It is far below the scrape timeout of Prometheus,
// which is 10 s by default.
const patience = 3 * time.Second

// A watch is the [prometheus.Collector] that reads a Source.
type watch struct {
	shop Source
	log  *slog.Logger
	mu   sync.Mutex // held during a scrape, so that simultaneous scrapes do not query the database simultaneously

	repeated loglimit.Limiter
}

var (
	up    = prometheus.NewDesc("keyseat_database_up", "Whether the reading of this scrape has succeeded: 1 or 0.", []string{"reading"}, nil)
	open  = prometheus.NewDesc("keyseat_tasks_open", "Open tasks: due, leased by a worker, or waiting to be asked about again.", []string{"state"}, nil)
	late  = prometheus.NewDesc("keyseat_queue_age_seconds", "How long the longest due task has been waiting for a worker.", nil, nil)
	age   = prometheus.NewDesc("keyseat_oldest_task_age_seconds", "Time since the oldest open task was accepted.", nil, nil)
	slots = prometheus.NewDesc("keyseat_slots", "Slots of plans: free, held, spent, suspect, or idle (free in a plan that is out of stock).", []string{"country", "state"}, nil)
)

// Describe implements [prometheus.Collector].
func (*watch) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{up, open, late, age, slots} {
		to <- desc
	}
}

// Collect implements [prometheus.Collector]. It creates its own context, because the interface passes no
// context.
func (w *watch) Collect(to chan<- prometheus.Metric) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	q, err := w.shop.QueueStats(ctx)
	if w.told(to, "queue", err) {
		queued(to, q)
	}
	levels, err := w.shop.Stock(ctx)
	if w.told(to, "stock", err) {
		for _, l := range levels {
			shelved(to, l)
		}
	}
}

// told reports whether a query succeeded. It also sets keyseat_database_up and logs a failure.
func (w *watch) told(to chan<- prometheus.Metric, reading string, err error) bool {
	if err != nil {
		w.repeated.Log(context.Background(), w.log, loglimit.Event{
			Subject: reading, Level: slog.LevelWarn, Message: "cannot read for metrics",
			Attrs: []slog.Attr{slog.String("reading", reading), slog.String("error", err.Error())},
		})
		gauge(to, up, 0, reading)
		return false
	}
	w.repeated.Recovered(context.Background(), reading)
	gauge(to, up, 1, reading)
	return true
}

func queued(to chan<- prometheus.Metric, q stats.Queue) {
	gauge(to, open, float64(q.Due), "due")
	gauge(to, open, float64(q.Leased), "leased")
	gauge(to, open, float64(q.Waiting), "waiting")
	gauge(to, late, q.Late.Seconds())
	gauge(to, age, q.Age.Seconds())
}

func shelved(to chan<- prometheus.Metric, l stock.Level) {
	country := string(l.Country)
	gauge(to, slots, float64(l.Free), country, string(stock.Free))
	gauge(to, slots, float64(l.Held), country, string(stock.Held))
	gauge(to, slots, float64(l.Spent), country, string(stock.Spent))
	gauge(to, slots, float64(l.Suspect), country, string(stock.Suspect))
	gauge(to, slots, float64(l.Idle), country, "idle")
}

func gauge(to chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}
