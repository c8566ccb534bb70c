package metrics

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/stats"
)

// ObserveBatch records how many callers shared one call of the store. Use it as Options.Observe of batchstore.
func (m *Recorder) ObserveBatch(call string, size int) {
	m.batchSizes.WithLabelValues(call).Observe(float64(size))
}

// Store returns a store that calls inner, measures each call, and counts the events of tasks.
func (m *Recorder) Store(inner tasks.Store) tasks.Store { return measuredStore{inner, m} }

type measuredStore struct {
	inner tasks.Store
	*Recorder
}

// Unwrap lets daemon.NewEngine find what else the inner store implements.
func (s measuredStore) Unwrap() tasks.Store { return s.inner }

func (m *Recorder) timed(call string) func(*error) {
	start := time.Now()
	return func(err *error) {
		m.storeSeconds.WithLabelValues(call).Observe(time.Since(start).Seconds())
		if *err != nil {
			m.storeErrors.WithLabelValues(call).Inc()
		}
	}
}

func (s measuredStore) Snapshots(ctx context.Context, codes []keys.Code) (views []tasks.Snapshot, err error) {
	defer s.timed("view")(&err)
	return s.inner.Snapshots(ctx, codes)
}

func (s measuredStore) Find(ctx context.Context, codes []keys.Code) (found []keys.Key, err error) {
	defer s.timed("find")(&err)
	return s.inner.Find(ctx, codes)
}

func (s measuredStore) Apply(ctx context.Context, changes []tasks.Change) (verdicts []error, err error) {
	defer s.timed("apply")(&err)
	verdicts, err = s.inner.Apply(ctx, changes)
	for i, verdict := range verdicts {
		if err == nil && verdict == nil {
			s.countEvents(changes[i])
		}
	}
	return verdicts, err
}

func (s measuredStore) Lease(ctx context.Context, worker string, n int, ttl time.Duration) (views []tasks.Snapshot, err error) {
	defer s.timed("lease")(&err)
	views, err = s.inner.Lease(ctx, worker, n, ttl)
	for _, v := range views {
		if v.Task.LostLeases > 0 {
			s.leasesExpired.Inc()
		}
	}
	return views, err
}

func (s measuredStore) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) (verdicts []error, err error) {
	defer s.timed("extend")(&err)
	return s.inner.Extend(ctx, refs, ttl)
}

func (s measuredStore) Stock(ctx context.Context) (levels []stock.Level, err error) {
	defer s.timed("stock")(&err)
	return s.inner.Stock(ctx)
}

func (m *Recorder) countEvents(c tasks.Change) {
	for _, e := range c.Events {
		if e.Kind == "" {
			continue // an event of a key, not of a task
		}
		m.taskEvents.WithLabelValues(string(e.Type), string(e.Kind)).Inc()
		if e.Type == tasks.EventEnded {
			m.tasksEnded.WithLabelValues(string(e.Kind), string(e.Outcome)).Inc()
		}
	}
}

// ObserveReport counts the results that could not be stored. It also counts the tasks that ended because their login or
// key was tested too often. Use it as the Observe function of the worker pool.
func (m *Recorder) ObserveReport(r tasks.Report) {
	if r.Err != nil {
		m.leasesLost.Inc()
	} else if r.Limited {
		m.loginsLimited.Inc()
	}
}

// A Source returns the state of the task queue and of the stock. A store is a Source if it implements
// [tasks.Store] and the AdminStore of package adminstore.
type Source interface {
	QueueStats(ctx context.Context) (stats.Queue, error)
	Stock(ctx context.Context) ([]stock.Level, error)
}

// Watch reads a source at each scrape, with one query for the queue and one for the stock. If a query fails or takes
// too long, the scrape lacks the metrics of that query, and keyseat_database_up is 0 for that query.
func (m *Recorder) Watch(source Source, log *slog.Logger) {
	m.registry.MustRegister(&storeCollector{source: source, log: log})
}

// scrapeTimeout bounds the time of all queries of a scrape. Prometheus itself waits up to 10 s by default.
const scrapeTimeout = 3 * time.Second

type storeCollector struct {
	source Source
	log    *slog.Logger
	mu     sync.Mutex // held during a scrape, so that simultaneous scrapes do not query the database simultaneously

	repeated loglimit.Limiter
}

var (
	databaseUp    = prometheus.NewDesc("keyseat_database_up", "Whether the reading of this scrape has succeeded: 1 or 0.", []string{"reading"}, nil)
	openTasks     = prometheus.NewDesc("keyseat_tasks_open", "Open tasks: due, leased by a worker, or waiting for the next attempt.", []string{"state"}, nil)
	queueAge      = prometheus.NewDesc("keyseat_queue_age_seconds", "How long the longest due task has been waiting for a worker.", nil, nil)
	oldestTaskAge = prometheus.NewDesc("keyseat_oldest_task_age_seconds", "Time since the oldest open task was accepted.", nil, nil)
	slotCount     = prometheus.NewDesc("keyseat_slots", "Slots of plans: free, held, spent, suspect, or idle (free in a plan that is out of stock).", []string{"country", "state"}, nil)
)

func (*storeCollector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{databaseUp, openTasks, queueAge, oldestTaskAge, slotCount} {
		to <- desc
	}
}

// Collect implements [prometheus.Collector]. It creates its own context, because the interface passes no context.
func (c *storeCollector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	q, err := c.source.QueueStats(ctx)
	if c.ok(to, "queue", err) {
		emit(to, openTasks, float64(q.Due), "due")
		emit(to, openTasks, float64(q.Leased), "leased")
		emit(to, openTasks, float64(q.Waiting), "waiting")
		emit(to, queueAge, q.Late.Seconds())
		emit(to, oldestTaskAge, q.Age.Seconds())
	}
	levels, err := c.source.Stock(ctx)
	if c.ok(to, "stock", err) {
		for _, l := range levels {
			emitStock(to, l)
		}
	}
}

// ok reports whether a query succeeded. It also sets keyseat_database_up and logs a failure.
func (c *storeCollector) ok(to chan<- prometheus.Metric, reading string, err error) bool {
	c.repeated.LogState(context.Background(), c.log, loglimit.Event{
		Subject: reading, Level: slog.LevelWarn, Message: "cannot read for metrics", Attrs: []slog.Attr{slog.String("reading", reading)},
	}, err)
	up := 1.0
	if err != nil {
		up = 0
	}
	emit(to, databaseUp, up, reading)
	return err == nil
}

func emitStock(to chan<- prometheus.Metric, l stock.Level) {
	country := string(l.Country)
	emit(to, slotCount, float64(l.Free), country, string(stock.Free))
	emit(to, slotCount, float64(l.Held), country, string(stock.Held))
	emit(to, slotCount, float64(l.Spent), country, string(stock.Spent))
	emit(to, slotCount, float64(l.Suspect), country, string(stock.Suspect))
	emit(to, slotCount, float64(l.Idle), country, "idle")
}

func emit(to chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}
