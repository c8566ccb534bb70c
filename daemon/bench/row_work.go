package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// hands is how many workers each side has: keyseatd's default.
const hands = 64

// rowWork has both sides work off a backlog, each from its own tables. keyseatd asks over HTTP and
// settles key, task, slot and history; River's jobs do nothing.
func rowWork(ctx context.Context, b *bench) ([]result, error) {
	s, drop, err := b.upgradeStage(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	river, dropRiver, err := b.empty(ctx)
	if err != nil {
		return nil, err
	}
	defer dropRiver()
	backlog := b.size(20_000)
	got, err := b.alternate(ctx, s.settles(backlog), b.rivers(river, backlog))
	if err != nil {
		return nil, err
	}
	return []result{throughput(fmt.Sprintf("tasks asked of a provider and settled, %d workers, beside River's no-op jobs", hands),
		got[0], got[1], goal{least: 0.5, aim: 1})}, nil
}

// settles is the side that accepts a backlog, and then works it off.
func (s *stage) settles(backlog int) side {
	return func(ctx context.Context) (sample, error) {
		if err := s.accept(ctx, backlog); err != nil {
			return sample{}, err
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		p, err := newProvider(ctx, false)
		if err != nil {
			return sample{}, err
		}
		begun := make(chan time.Time, 1)
		p.told = func([]byte) {
			if p.asked.Load() == 1 {
				begun <- time.Now()
			}
		}
		go p.run()
		server, err := s.serve(ctx, s.url, "--master-key-file", s.flag[1], "--connector", p.url(), "--workers", strconv.Itoa(hands))
		if err != nil {
			return sample{}, err
		}
		defer server.kill()
		got, err := s.finished(ctx, server.process, s.url, begun, backlog, `SELECT EXISTS (SELECT 1 FROM keyseat_tasks WHERE ended_at IS NULL)::int`)
		if err != nil {
			return sample{}, err
		}
		return got, s.spent(ctx, backlog)
	}
}

// accept fills the backlog, and ends who accepted it. The lease of the one task that it holds by then
// is a short one.
func (s *stage) accept(ctx context.Context, backlog int) error {
	if err := freshKeys(ctx, s.url, backlog); err != nil {
		return err
	}
	server, err := s.serve(ctx, s.url, append([]string{"--lease", "100ms"}, s.flag...)...)
	if err != nil {
		return err
	}
	defer server.kill()
	got, err := load{crowd, patience, 0, upgrades(backlog)}.on(ctx, server.addr)
	if err == nil && got.n != backlog {
		err = fmt.Errorf("%w: %d of %d were accepted", errWrong, got.n, backlog)
	}
	return err
}

// settled are what each settled upgrade must have left.
var settled = []string{
	`SELECT count(*) FROM keyseat_keys WHERE status = 'success' AND used AND username = 'someone'`,
	`SELECT sum(spent)::bigint FROM keyseat_plans WHERE held = 0 AND suspect = 0`,
	`SELECT count(*) FROM keyseat_history WHERE cause = 'ended' AND slot_to = 'spent'`,
}

func (s *stage) spent(ctx context.Context, want int) error {
	for _, sql := range settled {
		if err := holds(ctx, s.url, sql, want); err != nil {
			return err
		}
	}
	return nil
}

// rivers is the side of River, from empty tables.
func (b *bench) rivers(url string, backlog int) side {
	return func(ctx context.Context) (sample, error) {
		if err := execute(ctx, url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"); err != nil {
			return sample{}, err
		}
		p, err := b.peer(ctx, "river", url, strconv.Itoa(backlog), strconv.Itoa(hands))
		if err != nil {
			return sample{}, err
		}
		defer p.kill()
		begun := make(chan time.Time, 1)
		go func() {
			line, _ := p.line("first") // "" where it has died, and then it never begins
			if ns, err := strconv.ParseInt(line, 10, 64); err == nil {
				begun <- time.Unix(0, ns)
			}
		}()
		got, err := b.finished(ctx, p.process, url, begun, backlog, `SELECT EXISTS (SELECT 1 FROM river_job WHERE state IN ('available', 'running'))::int`)
		if err != nil {
			return sample{}, err
		}
		return got, holds(ctx, url, `SELECT count(*) FROM river_job WHERE state = 'completed'`, backlog)
	}
}

// backlogTime bounds how long a backlog may take.
const backlogTime = 10 * time.Minute

// finished waits until none of n is left, by asking the database ten times a second, which costs it
// next to nothing, and gives the rate since the first was begun, and what it took of the processor since
// the process was started.
func (b *bench) finished(ctx context.Context, p *process, url string, begun <-chan time.Time, n int, left string) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, backlogTime)
	defer cancel()
	var start time.Time
	before := work{database: b.used(p).database}
	select {
	case start = <-begun:
	case <-ctx.Done():
		return sample{}, fmt.Errorf("nothing is worked on: %w", ctx.Err())
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		some, err := number(ctx, url, left)
		if err != nil {
			return sample{}, err
		}
		if some == 0 {
			return sample{n: n, rate: float64(n) / time.Since(start).Seconds(), each: b.used(p).since(before).each(n)}, nil
		}
	}
}
