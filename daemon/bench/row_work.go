package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// workers is the number of workers of keyseatd and of River. It is the default of keyseatd.
const workers = 64

// rowWork measures how fast keyseatd and River carry out a backlog of tasks from their own tables. One run of keyseatd
// uses the simulator, which calls no provider. Another run uses the HTTP connector. For each task, keyseatd writes the
// key, the task, the slot and the history. River's jobs do nothing.
func rowWork(ctx context.Context, b *bench) []result {
	s := b.newUpgradeSetup(ctx)
	river := b.createDatabase(ctx)
	responsive := new(provider).start(ctx)
	backlog := b.size(20_000)
	simulated := s.settleCandidate(backlog, `'sim-' || lower(left(task_id, 8))`, "sim", "--sim-delay", "0s")
	overHTTP := s.settleCandidate(backlog, `'member'`, responsive)
	got := b.alternate(ctx, simulated, b.riverCandidate(river, backlog), overHTTP)
	return []result{
		throughput(fmt.Sprintf("tasks leased, carried out by a connector that does nothing, and settled, %d workers, compared with River's no-op jobs", workers),
			got[0], got[1], goal{min: 0.5, aim: 1}),
		throughput("the same with a provider over HTTP", got[2], got[1], goal{}),
	}
}

// settleCandidate returns a candidate that accepts a backlog of tasks, and then measures how fast keyseatd carries them
// out with a connector. The text username is SQL for the name that the connector returns for an account.
func (s *setup) settleCandidate(backlog int, username string, connector ...string) candidate {
	return func(ctx context.Context) sample {
		s.acceptBacklog(ctx, backlog)
		server := s.serve(ctx, append([]string{"--workers", strconv.Itoa(workers), "--connector"}, connector...)...)
		defer server.kill()
		firstAttempt := func() time.Time { // the database has the time only after an attempt has ended
			return query[time.Time](ctx, s.url, `SELECT min(first_asked) FROM keyseat_tasks`)
		}
		got := s.waitFinished(ctx, server.process, s.url, firstAttempt, backlog, openTasksLeft)
		used := `SELECT count(*) FROM keyseat_keys WHERE status = 'success' AND used AND username = ` + username
		expectCounts(ctx, s.url, backlog, append([]string{used}, settledCounts...)...)
		return got
	}
}

// acceptBacklog starts a daemon that accepts a backlog of tasks, and then kills the daemon. The daemon's leases are
// short, so that the one task that it has leased soon becomes leasable.
func (s *setup) acceptBacklog(ctx context.Context, backlog int) {
	fillUnusedKeys(ctx, s.url, backlog)
	server := s.serve(ctx, append([]string{"--lease", "100ms"}, s.flags...)...)
	defer server.kill()
	got := must(load{highConcurrency, waitTimeout, 0, upgradeRequests(backlog, appendCode)}.on(ctx, server.addr))
	if got.n != backlog {
		check(fmt.Errorf("%w: %d of %d were accepted", errUnexpected, got.n, backlog))
	}
}

// openTasksLeft is a query that yields 1 while any task is open, and otherwise 0.
const openTasksLeft = `SELECT EXISTS (SELECT 1 FROM keyseat_tasks WHERE ended_at IS NULL)::int`

// settledCounts are queries that must each yield the number of settled upgrades.
var settledCounts = []string{
	`SELECT sum(spent)::bigint FROM keyseat_plans WHERE held = 0 AND suspect = 0`,
	`SELECT count(*) FROM keyseat_history WHERE cause = 'ended' AND slot_to = 'spent'`,
}

// riverCandidate returns a candidate that measures how fast River carries out a backlog of jobs in new tables.
func (b *bench) riverCandidate(url string, backlog int) candidate {
	return func(ctx context.Context) sample {
		check(execute(ctx, url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"))
		p := b.peer(ctx, "river", url, strconv.Itoa(backlog), strconv.Itoa(workers))
		defer p.kill()
		firstJob := func() time.Time { return time.Unix(0, must(strconv.ParseInt(p.waitLine("first"), 10, 64))) }
		got := b.waitFinished(ctx, p.process, url, firstJob, backlog, `SELECT EXISTS (SELECT 1 FROM river_job WHERE state IN ('available', 'running'))::int`)
		expectCounts(ctx, url, backlog, `SELECT count(*) FROM river_job WHERE state = 'completed'`)
		return got
	}
}

// backlogTimeout is the maximum time for a backlog.
const backlogTimeout = 10 * time.Minute

// waitFinished waits until all n tasks of a backlog have ended, which is when the query remaining yields 0. It runs the
// query ten times a second on one connection, because a new connection for each would cost as much as a hundred tasks.
// The result has the processor time since the start of the process. It also has the rate since the beginning of the
// first task. The function first returns this time, and is called when all tasks have ended.
func (b *bench) waitFinished(ctx context.Context, p *process, url string, first func() time.Time, n int, remaining string) (got sample) {
	ctx, cancel := context.WithTimeout(ctx, backlogTimeout)
	defer cancel()
	before := cpuTime{database: b.cpuOf(p).database}
	var end time.Time
	var used cpuTime
	check(withConn(ctx, url, func(conn *pgx.Conn) error {
		err := waitZero(ctx, conn, remaining)
		end, used = time.Now(), b.cpuOf(p).since(before) // here, because it takes time to close the connection
		return err
	}))
	return sample{n: n, all: n, rate: float64(n) / end.Sub(first()).Seconds(), cpu: used.per(n)}
}

// waitZero waits until a query yields 0.
func waitZero(ctx context.Context, conn *pgx.Conn, sql string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for left := 1; ; <-tick.C {
		if err := conn.QueryRow(ctx, sql).Scan(&left); err != nil || left == 0 {
			return err
		}
	}
}

// rowDelay measures the time from a request to the call of the provider. First, an idle daemon accepts the request and
// makes the call. Then a daemon without a free worker accepts the request, and another daemon makes the call.
func rowDelay(ctx context.Context, b *bench) []result {
	s := b.newUpgradeSetup(ctx)
	received := make(chan []byte, 1000)
	url := (&provider{onOrder: func(body []byte) { received <- body }}).start(ctx)
	d := &delaySetup{s, url, received}
	own := d.measureOwn(ctx, b.rounds*100)
	other := d.measureOther(ctx, b.rounds*5)
	return []result{
		atMost("from a request to the provider's call, idle daemon, p99", own.latencyText(), own[0].p99, 20*time.Millisecond),
		atMost("the same with the call by another daemon, longest", "p50 "+duration(float64(median(other))), slices.Max(other), 1100*time.Millisecond),
	}
}

// A delaySetup measures the time from a client's request to the call of the provider.
type delaySetup struct {
	*setup
	provider string        // the URL of the provider
	received <-chan []byte // the bodies of the requests to the provider
}

// measureOwn makes n measurements with one daemon.
func (d *delaySetup) measureOwn(ctx context.Context, n int) series {
	fillUnusedKeys(ctx, d.url, n)
	s := d.worker(ctx)
	defer s.kill()
	all := d.measureEach(ctx, s.addr, upgradeRequests(n, appendCode), n, 20*time.Millisecond)
	return series{newSample([][]time.Duration{all}, time.Second)}
}

// measureOther makes n measurements with two daemons. The daemon that accepts the requests has one worker, which never
// ends its first task. The other daemon is idle.
func (d *delaySetup) measureOther(ctx context.Context, n int) []time.Duration {
	fillUnusedKeys(ctx, d.url, n+1)
	busy := d.startOurs(ctx)
	defer busy.kill()
	next := upgradeRequests(n+1, appendCode)
	d.occupy(ctx, busy.addr, next)
	idle := d.worker(ctx)
	defer idle.kill()
	return d.measureEach(ctx, busy.addr, next, n, time.Second)
}

// occupy sends a daemon its first request, and waits until the daemon has leased the task.
func (d *delaySetup) occupy(ctx context.Context, addr string, next generator) {
	c := must(dial(ctx, addr))
	defer func() { _ = c.conn.Close() }() // the response has been read
	r := &request{}
	next(r)
	check(c.doChecked(r))
	for query[int](ctx, d.url, `SELECT count(*) FROM keyseat_tasks WHERE leased_until IS NOT NULL`) != 1 {
		time.Sleep(10 * time.Millisecond) // only the database shows the lease, so poll
	}
}

// worker starts a daemon whose provider answers.
func (d *delaySetup) worker(ctx context.Context) *server {
	return d.serve(ctx, "--connector", d.provider)
}

// measureEach sends n requests one after another, each after a random time up to the given pause. So the daemon is idle
// when a request arrives, and the request may arrive at any time between two polls of the daemon.
func (d *delaySetup) measureEach(ctx context.Context, addr string, next generator, n int, pause time.Duration) (all []time.Duration) {
	c := must(dial(ctx, addr))
	defer func() { _ = c.conn.Close() }() // the measurement is over
	for r := (&request{}); len(all) < n && ctx.Err() == nil; {
		time.Sleep(time.Duration(rand.Int64N(int64(pause))))
		next(r)
		start := time.Now()
		check(c.doChecked(r))
		d.waitOrder(ctx)
		all = append(all, time.Since(start))
	}
	check(ctx.Err())
	return all
}

// waitOrder waits until the provider receives a request.
func (d *delaySetup) waitOrder(ctx context.Context) {
	select {
	case body := <-d.received:
		if !bytes.Contains(body, []byte(`@example.com"`)) {
			check(fmt.Errorf("%w: a request without its login", errUnexpected))
		}
	case <-time.After(waitTimeout):
		check(fmt.Errorf("%w: the provider has received no request", errUnexpected))
	case <-ctx.Done():
		check(ctx.Err())
	}
}
