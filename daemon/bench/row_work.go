package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// workers is the number of workers of each program. It is keyseatd's default.
const workers = 64

// rowWork measures how fast each program works off a backlog from its own tables. The runs of keyseatd have
// different connectors: the simulator, which does nothing, and the HTTP connector. For each
// task, keyseatd writes key, task, slot and history. River's jobs do nothing.
func rowWork(ctx context.Context, b *bench) ([]result, error) {
	s, err := b.newUpgradeSetup(ctx)
	if err != nil {
		return nil, err
	}
	river, err := b.createDatabase(ctx)
	if err != nil {
		return nil, err
	}
	responsive, err := new(provider).start(ctx)
	if err != nil {
		return nil, err
	}
	backlog := b.size(20_000)
	simulated := s.settleCandidate(backlog, `'sim-' || lower(left(task_id, 8))`, "sim", "--sim-delay", "0s")
	overHTTP := s.settleCandidate(backlog, `'member'`, responsive)
	got, err := b.alternate(ctx, simulated, b.riverCandidate(river, backlog), overHTTP)
	if err != nil {
		return nil, err
	}
	return []result{
		throughput(fmt.Sprintf("tasks leased, carried out by a connector that does nothing, and settled, %d workers, compared with River's no-op jobs", workers),
			got[0], got[1], goal{min: 0.5, aim: 1}),
		throughput("the same with a provider over HTTP", got[2], got[1], goal{}),
	}, nil
}

// settleCandidate returns a candidate that accepts a backlog, and then works it off with a connector. The username
// is SQL for the name that the connector returns for each account.
func (s *setup) settleCandidate(backlog int, username string, connector ...string) candidate {
	return func(ctx context.Context) (sample, error) {
		if err := s.acceptBacklog(ctx, backlog); err != nil {
			return sample{}, err
		}
		server, err := s.serve(ctx, append([]string{"--workers", strconv.Itoa(workers), "--connector"}, connector...)...)
		if err != nil {
			return sample{}, err
		}
		defer server.kill()
		firstAttempt := func() (time.Time, error) { // is valid only after an attempt has ended
			return query[time.Time](ctx, s.url, `SELECT min(first_asked) FROM keyseat_tasks`)
		}
		got, err := s.waitFinished(ctx, server.process, s.url, firstAttempt, backlog, openTasksLeft)
		if err != nil {
			return sample{}, err
		}
		used := `SELECT count(*) FROM keyseat_keys WHERE status = 'success' AND used AND username = ` + username
		return got, expectCounts(ctx, s.url, backlog, append([]string{used}, settledCounts...)...)
	}
}

// acceptBacklog fills the backlog, and then kills the daemon that accepted it. That daemon holds the lease of one
// task, so the lease is short.
func (s *setup) acceptBacklog(ctx context.Context, backlog int) error {
	if err := fillUnusedKeys(ctx, s.url, backlog); err != nil {
		return err
	}
	server, err := s.serve(ctx, append([]string{"--lease", "100ms"}, s.flags...)...)
	if err != nil {
		return err
	}
	defer server.kill()
	got, err := load{highConcurrency, waitTimeout, 0, upgradeRequests(backlog, appendCode)}.on(ctx, server.addr)
	if err == nil && got.n != backlog {
		err = fmt.Errorf("%w: %d of %d were accepted", errUnexpected, got.n, backlog)
	}
	return err
}

// openTasksLeft is a query that yields 1 while a task is open, and then 0.
const openTasksLeft = `SELECT EXISTS (SELECT 1 FROM keyseat_tasks WHERE ended_at IS NULL)::int`

// settledCounts are queries that must each return the number of settled upgrades. The number of keys in use must be the
// same.
var settledCounts = []string{
	`SELECT sum(spent)::bigint FROM keyseat_plans WHERE held = 0 AND suspect = 0`,
	`SELECT count(*) FROM keyseat_history WHERE cause = 'ended' AND slot_to = 'spent'`,
}

// riverCandidate returns the candidate of River, which starts with empty tables.
func (b *bench) riverCandidate(url string, backlog int) candidate {
	return func(ctx context.Context) (sample, error) {
		if err := execute(ctx, url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"); err != nil {
			return sample{}, err
		}
		p, err := b.peer(ctx, "river", url, strconv.Itoa(backlog), strconv.Itoa(workers))
		if err != nil {
			return sample{}, err
		}
		defer p.kill()
		firstJob := func() (time.Time, error) {
			line, err := p.waitLine("first")
			if err != nil {
				return time.Time{}, err
			}
			ns, err := strconv.ParseInt(line, 10, 64)
			return time.Unix(0, ns), err
		}
		got, err := b.waitFinished(ctx, p.process, url, firstJob, backlog, `SELECT EXISTS (SELECT 1 FROM river_job WHERE state IN ('available', 'running'))::int`)
		if err != nil {
			return sample{}, err
		}
		return got, expectCounts(ctx, url, backlog, `SELECT count(*) FROM river_job WHERE state = 'completed'`)
	}
}

// backlogTimeout bounds how long a backlog may take.
const backlogTimeout = 10 * time.Minute

// waitFinished waits until all n tasks have ended. Then the query remaining yields 0. It runs the query ten times a second
// on one connection, because a new connection for each would cost as much as a hundred tasks. It returns the processor time since the start of the process, and the rate. The rate counts from the result of
// the function first, which is called at the end.
func (b *bench) waitFinished(ctx context.Context, p *process, url string, first func() (time.Time, error), n int, remaining string) (got sample, _ error) {
	ctx, cancel := context.WithTimeout(ctx, backlogTimeout)
	defer cancel()
	before := cpuTime{database: b.cpuOf(p).database}
	err := withConn(ctx, url, func(conn *pgx.Conn) error {
		if err := waitZero(ctx, conn, remaining); err != nil {
			return err
		}
		end, used := time.Now(), b.cpuOf(p).since(before)
		start, err := first()
		got = sample{n: n, rate: float64(n) / end.Sub(start).Seconds(), cpu: used.per(n)}
		return err
	})
	return got, err
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
