package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"
)

// openLoopRate is the rate of the open loop for latencies, in requests per second. It is far below saturation.
const openLoopRate = 1000

// infoRequests requests info of random keys, except for the keys that [growth.upgradeRequests] uses.
func (g *growth) infoRequests() generator {
	return func(r *request) bool {
		i := rand.IntN(g.keys - g.unused)
		code := growthCode(i)
		r.raw = fmt.Appendf(r.raw[:0], "GET /API/?info=%s HTTP/1.1\r\nHost: bench\r\n\r\n", code)
		if r.want = append(r.want[:0], `{"status":"active"`...); i < g.used {
			r.want = fmt.Appendf(r.want[:0], `"username":"u-%s"`, code)
		}
		return true
	}
}

// upgradeRequests requests an upgrade of each unused key in turn. All connections share the sequence.
func (g *growth) upgradeRequests() func() generator {
	var next atomic.Int64
	return func() generator {
		return func(r *request) bool {
			i := int(next.Add(1))
			body := "upgrade=" + growthCode(g.keys-i) + upgradeForm
			r.raw = fmt.Appendf(r.raw[:0], "POST /API/ HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			r.want = append(r.want[:0], `{"status":"success","message":"Upgrade request sent successfully`...)
			return i <= g.unused
		}
	}
}

// serve starts a daemon.
func (g *growth) serve(ctx context.Context, flags ...string) (*server, error) {
	return g.bench.serve(ctx, g.url, append(flags, g.flags...)...)
}

// info measures throughput in a closed loop, and latency in an open loop.
func (g *growth) info(ctx context.Context) error {
	start := func(ctx context.Context) (*server, error) { return g.serve(ctx, "--connector", "sim") }
	since, err := g.resetStats(ctx)
	if err != nil {
		return err
	}
	got, all, err := g.measureOnce(ctx, start, load{highConcurrency, g.length, 0, g.infoRequests})
	if err != nil {
		return err
	}
	g.add("info, requests/s", got.rate, "%.0f", got.rate)
	if err := g.addCost(ctx, since, "info", all, got.cpu); err != nil {
		return err
	}
	got, _, err = g.measureOnce(ctx, start, load{32, g.length, openLoopRate, g.infoRequests})
	if err != nil {
		return err
	}
	g.addLatencies(fmt.Sprintf("info at %d/s", openLoopRate), got)
	return nil
}

// addLatencies adds the latencies of a sample.
func (g *growth) addLatencies(what string, s sample) {
	g.add(what+", p50", float64(s.p50), "%s", duration(float64(s.p50)))
	g.add(what+", p99", float64(s.p99), "%s", duration(float64(s.p99)))
}

// stock measures stock, the only call that reads every plan, on one connection.
func (g *growth) stock(ctx context.Context) error {
	start := func(ctx context.Context) (*server, error) { return g.serve(ctx, "--connector", "sim") }
	requests := func() generator {
		return func(r *request) bool {
			r.raw = append(r.raw[:0], "GET /API/?stock HTTP/1.1\r\nHost: bench\r\n\r\n"...)
			r.want = append(r.want[:0], `"country_code":"US"`...)
			return true
		}
	}
	got, _, err := g.measureOnce(ctx, start, load{1, g.length, 0, requests})
	if err == nil {
		g.add(fmt.Sprintf("stock, p50, %d slots per plan", slotsPerPlan), float64(got.p50), "%s (%d plans)", duration(float64(got.p50)), g.used/slotsPerPlan+g.unused/slotsPerPlan+2)
	}
	return err
}

// upgrade measures how fast keyseatd accepts upgrades, and then how fast it works off the backlog. It also
// measures the growth of the tables by both.
func (g *growth) upgrade(ctx context.Context) error {
	before, err := g.sizes(ctx)
	if err != nil {
		return err
	}
	accepted, err := g.accept(ctx)
	if err != nil {
		return err
	}
	if err := g.work(ctx, accepted); err != nil {
		return err
	}
	after, err := g.sizes(ctx)
	each := float64(after-before) / float64(accepted)
	g.add("MB per million upgrades, before VACUUM", each, "%.0f", each)
	return err
}

// accept measures only acceptance, because the provider never answers and the daemon has one worker.
func (g *growth) accept(ctx context.Context) (accepted int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silent, err := newProvider(ctx, true)
	if err != nil {
		return 0, err
	}
	go silent.run()
	since, err := g.resetStats(ctx)
	if err != nil {
		return 0, err
	}
	start := func(ctx context.Context) (*server, error) {
		return g.serve(ctx, "--connector", silent.url(), "--workers", "1", "--connector-timeout", "1h", "--lease", "100ms")
	}
	got, accepted, err := g.measureOnce(ctx, start, load{highConcurrency, g.length, 0, g.upgradeRequests()})
	if err != nil {
		return 0, err
	}
	g.add("upgrades accepted/s", got.rate, "%.0f", got.rate)
	return accepted, g.addCost(ctx, since, "accepted upgrade", accepted, got.cpu)
}

// work measures how fast the simulator works off the backlog.
func (g *growth) work(ctx context.Context, backlog int) error {
	since, err := g.resetStats(ctx)
	if err != nil {
		return err
	}
	s, err := g.serve(ctx, "--connector", "sim", "--sim-delay", "0s", "--workers", strconv.Itoa(workers))
	if err != nil {
		return err
	}
	defer s.kill()
	now := time.Now()
	first := func() (time.Time, error) { return now, nil }
	got, err := g.waitFinished(ctx, s.process, g.url, first, backlog, `SELECT EXISTS (SELECT 1 FROM keyseat_tasks WHERE ended_at IS NULL)::int`)
	if err != nil {
		return err
	}
	g.add("tasks worked off/s", got.rate, "%.0f", got.rate)
	return g.addCost(ctx, since, "ended task", backlog, got.cpu)
}
