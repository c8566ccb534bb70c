package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// hands is how many workers each side has: keyseatd's default.
const hands = 64

// rowWork has both sides work off a backlog, each from its own tables: keyseatd by way of a connector that
// does nothing, the simulator, and of one that asks over HTTP. It settles key, task, slot and history each time;
// River's jobs do nothing.
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := newProvider(ctx, false)
	if err != nil {
		return nil, err
	}
	go p.run()
	backlog := b.size(20_000)
	idle := s.settles(backlog, `'sim-' || lower(left(task_id, 8))`, "sim", "--sim-delay", "0s")
	asked := s.settles(backlog, `'someone'`, p.url())
	got, err := b.alternate(ctx, idle, b.rivers(river, backlog), asked)
	if err != nil {
		return nil, err
	}
	return []result{
		throughput(fmt.Sprintf("tasks leased, asked of a connector that does nothing and settled, %d workers, beside River's no-op jobs", hands),
			got[0], got[1], goal{least: 0.5, aim: 1}),
		throughput("the same, asked of a provider over HTTP", got[2], got[1], goal{}),
	}, nil
}

// settles is the side that accepts a backlog, and then works it off by way of a connector, which gives each
// account that name.
func (s *stage) settles(backlog int, username string, connector ...string) side {
	return func(ctx context.Context) (sample, error) {
		if err := s.accept(ctx, backlog); err != nil {
			return sample{}, err
		}
		flags := append([]string{"--master-key-file", s.flag[1], "--workers", strconv.Itoa(hands), "--connector"}, connector...)
		server, err := s.serve(ctx, s.url, flags...)
		if err != nil {
			return sample{}, err
		}
		defer server.kill()
		got, err := s.finished(ctx, server.process, s.url, s.begun(ctx), backlog, `SELECT EXISTS (SELECT 1 FROM keyseat_tasks WHERE ended_at IS NULL)::int`)
		if err != nil {
			return sample{}, err
		}
		return got, s.spent(ctx, backlog, username)
	}
}

// begun is when the first task was asked about. There is an answer once one has ended.
func (s *stage) begun(ctx context.Context) func() (at time.Time, err error) {
	return func() (at time.Time, err error) {
		err = connected(ctx, s.url, func(conn *pgx.Conn) error {
			return conn.QueryRow(ctx, `SELECT min(first_asked) FROM keyseat_tasks`).Scan(&at)
		})
		return at, err
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

// settled are what each settled upgrade must have left, beside a key in use.
var settled = []string{
	`SELECT sum(spent)::bigint FROM keyseat_plans WHERE held = 0 AND suspect = 0`,
	`SELECT count(*) FROM keyseat_history WHERE cause = 'ended' AND slot_to = 'spent'`,
}

func (s *stage) spent(ctx context.Context, want int, username string) error {
	used := `SELECT count(*) FROM keyseat_keys WHERE status = 'success' AND used AND username = ` + username
	for _, sql := range append([]string{used}, settled...) {
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
		begun := func() (time.Time, error) {
			line, err := p.line("first")
			if err != nil {
				return time.Time{}, err
			}
			ns, err := strconv.ParseInt(line, 10, 64)
			return time.Unix(0, ns), err
		}
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
func (b *bench) finished(ctx context.Context, p *process, url string, begun func() (time.Time, error), n int, left string) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, backlogTime)
	defer cancel()
	before := work{database: b.used(p).database}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		some, err := number(ctx, url, left)
		if err != nil {
			return sample{}, err
		}
		if some == 0 {
			end, used := time.Now(), b.used(p).since(before)
			start, err := begun()
			return sample{n: n, rate: float64(n) / end.Sub(start).Seconds(), each: used.each(n)}, err
		}
	}
}
