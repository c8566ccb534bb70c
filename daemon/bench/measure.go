package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/procfs"
)

// A stepError is the error of a failed step of a measurement. [must] and [check] panic with it, because nothing after
// the step makes sense, and [try] recovers from the panic and returns the error. So rows, candidates and the functions
// that they call return no errors. They run in the goroutine that has called try. Loads and peers return errors,
// because they run in other goroutines and processes.
type stepError struct{ error }

// must returns the value of a step that must not fail.
func must[T any](value T, err error) T {
	check(err)
	return value
}

// check ends the measurement if err is not nil. In another goroutine than that of [try], its panic would end the
// program. In a deferred function, its error would replace an earlier error.
func check(err error) {
	if err != nil {
		panic(stepError{err})
	}
}

// try runs a step, and returns the error with which [check] or [must] has ended the step. Any other panic continues.
func try(step func()) (err error) {
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case stepError:
			err = failure.error
		default:
			panic(failure)
		}
	}()
	step()
	return nil
}

// A candidate is a function that makes one complete measurement of one program.
type candidate func(ctx context.Context) sample

// alternate measures every candidate once per round, in every second round in reverse order. It returns their series.
func (b *bench) alternate(ctx context.Context, candidates ...candidate) []series {
	all := make([]series, len(candidates))
	for round := range b.rounds {
		for i := range candidates {
			if round%2 == 1 {
				i = len(candidates) - 1 - i
			}
			err := try(func() { all[i] = append(all[i], candidates[i](ctx)) })
			if err != nil {
				check(fmt.Errorf("candidate %d of round %d: %w", i+1, round+1, err))
			}
		}
	}
	return all
}

// warmup is the duration of the load on a server before its measurement.
const warmup = time.Second

// underLoad returns a candidate that measures a server with [bench.measureOnce].
func (b *bench) underLoad(start starter, l load) candidate {
	return func(ctx context.Context) sample { return b.measureOnce(ctx, start, l) }
}

// alternateUnder measures programs under the same load with [bench.alternate].
func (b *bench) alternateUnder(ctx context.Context, l load, programs ...starter) []series {
	var all []candidate
	for _, start := range programs {
		all = append(all, b.underLoad(start, l))
	}
	return b.alternate(ctx, all...)
}

// measureOnce starts a server, warms it up, measures it under a load and stops it.
func (b *bench) measureOnce(ctx context.Context, start starter, l load) (got sample) {
	s := start(ctx)
	defer s.kill()
	warm := l
	warm.length, warm.rate = min(warmup, l.length), 0
	first, err := warm.on(ctx, s.addr)
	before := b.cpuOf(s.process)
	if err == nil {
		got, err = l.on(ctx, s.addr)
	}
	if err != nil {
		check(fmt.Errorf("%s: %w: %s", s.name, err, s.logTail()))
	}
	got.cpu, got.all = b.cpuOf(s.process).since(before).per(got.n), first.n+got.n
	return got
}

// A sample is the result of one measurement.
type sample struct {
	n        int           // the number of responses
	all      int           // the number of responses, including those of the warm-up
	rate     float64       // the number of responses per second
	p50, p99 time.Duration // quantiles of the latencies
	cpu      cpuTime       // the processor time per response
}

func newSample(latencies [][]time.Duration, took time.Duration) sample {
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return sample{n: len(all), rate: float64(len(all)) / took.Seconds(), p50: quantile(all, 0.5), p99: quantile(all, 0.99)}
}

// quantile returns the q-quantile of sorted values, or 0 without values.
func quantile[T any](sorted []T, q float64) (v T) {
	if len(sorted) == 0 {
		return v
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func median[T cmp.Ordered](values []T) T { return quantile(slices.Sorted(slices.Values(values)), 0.5) }

// A series has the samples of one candidate, one for each round.
type series []sample

func rate(s sample) float64 { return s.rate }
func p50(s sample) float64  { return float64(s.p50) }
func p99(s sample) float64  { return float64(s.p99) }

func onServer(s sample) float64   { return float64(s.cpu.server) }
func onDatabase(s sample) float64 { return float64(s.cpu.database) }

// median returns the median over the rounds of the value that the function of returns for a sample.
func (s series) median(of func(sample) float64) float64 {
	values := make([]float64, len(s))
	for i := range s {
		values[i] = of(s[i])
	}
	return median(values)
}

// against returns the median over the rounds of the ratio of a value to the same value of another series. It compares
// samples of the same round, because other load on the machine affects all candidates of a round.
func (s series) against(other series, of func(sample) float64) float64 {
	ratios := make([]float64, len(s))
	for i := range s {
		ratios[i] = of(s[i]) / of(other[i])
	}
	return median(ratios)
}

// A cpuTime is the processor time of a measured server, and that of all processes of PostgreSQL. On a machine with
// other load, processor time is more reliable than elapsed time.
type cpuTime struct{ server, database time.Duration }

func (c cpuTime) since(before cpuTime) cpuTime {
	return cpuTime{c.server - before.server, c.database - before.database}
}

// per returns the processor time for each of n responses.
func (c cpuTime) per(n int) cpuTime {
	n = max(n, 1)
	return cpuTime{c.server / time.Duration(n), c.database / time.Duration(n)}
}

// cpuOf returns the processor time that a server and PostgreSQL have used until now, on Linux, and 0 on other systems.
func (b *bench) cpuOf(p *process) cpuTime {
	postmaster := statOf(b.postmaster)
	database := ticks(postmaster.CUTime + postmaster.CSTime) // the time of the children that have ended
	all, _ := procfs.AllProcs()                              // fails on other systems than Linux
	for _, child := range all {
		if stat := statOf(child.PID); stat.PPID == b.postmaster {
			database += ticks(int(stat.UTime + stat.STime))
		}
	}
	stat := statOf(p.cmd.Process.Pid)
	return cpuTime{server: ticks(int(stat.UTime + stat.STime)), database: database}
}

// statOf returns the statistics of a process. They are zero if there is no such process, and on systems other than Linux.
func statOf(pid int) (stat procfs.ProcStat) {
	if p, err := procfs.NewProc(pid); err == nil {
		stat, _ = p.Stat() // fails if the process has just ended
	}
	return stat
}

// ticks converts a time of [procfs.ProcStat], which is in units of 10 milliseconds.
func ticks(n int) time.Duration { return time.Duration(n) * 10 * time.Millisecond }

// postmasterOf returns the process id of the PostgreSQL server, which is the parent of the process that serves a
// connection. The id is 0 on systems other than Linux.
func postmasterOf(ctx context.Context, admin string) (pid int) {
	check(withConn(ctx, admin, func(conn *pgx.Conn) error {
		pid = statOf(int(conn.PgConn().PID())).PPID
		return nil
	}))
	return pid
}
