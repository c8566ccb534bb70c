package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A stepError is the error of a failed step of a measurement. [must] and [check] panic with it, because nothing after the
// step makes sense. [try] returns it. So a row, a candidate and the functions that they call return no error. They run in
// the goroutine that has called try. A load and a peer return errors, because they run in other goroutines and processes.
type stepError struct{ error }

// must returns the value of a step that must not fail.
func must[T any](value T, err error) T {
	check(err)
	return value
}

// check ends the measurement if err is not nil. Do not call it in another goroutine than that of [try], because its panic
// would end the program. Do not call it in a deferred function either, because its error would replace an earlier one.
func check(err error) {
	if err != nil {
		panic(stepError{err})
	}
}

// try runs a step, and returns the error with which it has ended. It returns after the deferred functions of the step.
// Any other panic continues.
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

// A candidate makes one complete measurement of one program.
type candidate func(ctx context.Context) sample

// alternate measures every candidate once per round. Each round reverses the order.
func (b *bench) alternate(ctx context.Context, candidates ...candidate) []series {
	all := make([]series, len(candidates))
	for round := range b.rounds {
		order := []int{}
		for i := range candidates {
			order = append(order, i)
		}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			err := try(func() { all[i] = append(all[i], candidates[i](ctx)) })
			if err != nil {
				check(fmt.Errorf("candidate %d of round %d: %w", i+1, round+1, err))
			}
		}
	}
	return all
}

// warmup is the time for which a server gets load before the measurement.
const warmup = time.Second

// underLoad returns a candidate that measures a server with [bench.measureOnce].
func (b *bench) underLoad(start starter, l load) candidate {
	return func(ctx context.Context) sample { return b.measureOnce(ctx, start, l) }
}

// alternateUnder measures programs under the same load, as alternate does.
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
	n        int
	all      int     // n and the responses to the warm-up
	rate     float64 // per second
	p50, p99 time.Duration
	cpu      cpuTime // per response
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

// A series is the samples of one candidate, one per round.
type series []sample

func rate(s sample) float64 { return s.rate }
func p50(s sample) float64  { return float64(s.p50) }
func p99(s sample) float64  { return float64(s.p99) }

func onServer(s sample) float64   { return float64(s.cpu.server) }
func onDatabase(s sample) float64 { return float64(s.cpu.database) }

// median returns the median of one value over the rounds.
func (s series) median(of func(sample) float64) float64 {
	values := make([]float64, len(s))
	for i := range s {
		values[i] = of(s[i])
	}
	return median(values)
}

// against returns the median of the rounds' ratios. It compares within a round, because other load on the
// machine affects both candidates of a round.
func (s series) against(other series, of func(sample) float64) float64 {
	ratios := make([]float64, len(s))
	for i := range s {
		ratios[i] = of(s[i]) / of(other[i])
	}
	return median(ratios)
}

// A cpuTime is the processor time that a server and all processes of PostgreSQL have used. On a machine with
// other load, it is more reliable than elapsed time.
type cpuTime struct{ server, database time.Duration }

func (c cpuTime) since(before cpuTime) cpuTime {
	return cpuTime{c.server - before.server, c.database - before.database}
}

// per returns the time per response, for n responses.
func (c cpuTime) per(n int) cpuTime {
	n = max(n, 1)
	return cpuTime{c.server / time.Duration(n), c.database / time.Duration(n)}
}

// cpuOf returns the time so far. It is 0 on systems other than Linux.
func (b *bench) cpuOf(p *process) cpuTime {
	return cpuTime{server: processCPU(p.cmd.Process.Pid), database: childrenCPU(b.postmaster)}
}

// statFields returns the fields of a process's line in /proc, from its state on. The parent's id is next.
func statFields(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	line := string(text)
	return strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
}

// The indexes of fields that [statFields] returns, and the length of a tick, which is constant on Linux.
const (
	statParent   = 1
	statUser     = 11 // the next field is system
	statChildren = 13 // the same two fields, of the ended children
	tick         = 10 * time.Millisecond
)

func processCPU(pid int) time.Duration { return ticks(pid, statUser) }

// ticks returns the sum of a field and the next one, as a duration.
func ticks(pid, field int) time.Duration {
	fields := statFields(pid)
	if len(fields) <= field+1 {
		return 0
	}
	one, _ := strconv.Atoi(fields[field]) // Linux writes a number
	other, _ := strconv.Atoi(fields[field+1])
	return time.Duration(one+other) * tick
}

// childrenCPU returns the sum over all children of a process, including ended ones.
func childrenCPU(pid int) time.Duration {
	sum := ticks(pid, statChildren)
	folders, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, folder := range folders {
		child, _ := strconv.Atoi(filepath.Base(folder)) // the pattern matches numbers only
		if fields := statFields(child); len(fields) > statParent && fields[statParent] == strconv.Itoa(pid) {
			sum += processCPU(child)
		}
	}
	return sum
}

// postmasterOf returns the id of the server's first process, which is the parent of our connection's
// process. It is 0 on systems other than Linux.
func postmasterOf(ctx context.Context, admin string) (pid int) {
	check(withConn(ctx, admin, func(conn *pgx.Conn) error {
		if fields := statFields(int(conn.PgConn().PID())); len(fields) > statParent {
			pid = must(strconv.Atoi(fields[statParent]))
		}
		return nil
	}))
	return pid
}
