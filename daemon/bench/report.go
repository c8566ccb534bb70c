package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// report writes a heading with the environment of the run, and the table of the results.
func (b *bench) report(ctx context.Context, w io.Writer, results []result) error {
	if len(results) == 0 {
		return nil
	}
	out := bufio.NewWriter(w)
	_, _ = fmt.Fprintf(out, "%s; %s\n\nMedians of %d rounds of %v, the programs in turn. CPU is the processor time per response, in the server + in the database.\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		b.environment(context.WithoutCancel(ctx)), b.rounds, b.length)
	_, _ = fmt.Fprintln(out, "| row | what | keyseatd | compared with | measured | target | met | limit |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, r := range results {
		_, _ = fmt.Fprintf(out, "| %d | %s | %s | %s | %s | %s | %s | %s |\n", r.row, r.what, r.ours, r.theirs, r.value, r.target, r.metText(), r.limit)
	}
	return out.Flush()
}

// environment describes the machine and the versions of all programs.
func (b *bench) environment(ctx context.Context) string {
	return strings.Join([]string{
		fmt.Sprintf("%s, %d cores, %s/%s", cpuModel(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH),
		runtime.Version(),
		"PostgreSQL " + b.postgres(ctx),
		"keyseatd " + commit(ctx),
		"River " + riverVersion(),
		"load of the machine at the end " + cmp.Or(fileField("/proc/loadavg", ""), "unknown"),
	}, "; ")
}

func (b *bench) postgres(ctx context.Context) string {
	const sql = "SELECT current_setting('server_version') || ' (fsync ' || current_setting('fsync') || ', synchronous_commit ' || current_setting('synchronous_commit') || ')'"
	var text string
	if err := try(func() { text = query[string](ctx, b.admin, sql) }); err != nil {
		return err.Error()
	}
	return text
}

func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func cpuModel() string {
	return cmp.Or(strings.TrimLeft(fileField("/proc/cpuinfo", "model name"), "\t :"), "unknown processor")
}

// fileField returns the rest of the first line in a file that begins with a name. It returns "" if no line does.
func fileField(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name); found {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// A result is one line of the table.
type result struct {
	row    int
	what   string
	ours   string
	theirs string // "": no program is compared with keyseatd
	value  string // the value that the target limits
	target string // "": no target
	met    bool
	limit  string // the ratio that a program reaches that does the least; "": unknown
}

// within returns a copy of the result with a limit. The limit is the throughput of fastest, a program that does the
// least, divided by that of theirs, the program that keyseatd is compared with.
func (r result) within(fastest, theirs series) result {
	r.limit = fmt.Sprintf("%.2f ×", fastest.against(theirs, rate))
	return r
}

func (r result) String() string {
	return fmt.Sprintf("%s: %s against %s: %s (%s) %s", r.what, r.ours, r.theirs, r.value, r.target, r.metText())
}

func (r result) metText() string {
	switch {
	case r.target == "":
		return ""
	case r.met:
		return "yes"
	}
	return "**no**"
}

// A goal is the required range of a ratio.
type goal struct {
	min, max float64 // the bounds, of which at most one is set; 0: no bound
	aim      float64 // a better ratio, which is not required; 0: none
}

func (g goal) met(value float64) bool {
	return (g.min == 0 || value >= g.min) && (g.max == 0 || value <= g.max) && !math.IsNaN(value)
}

func (g goal) String() string {
	text := ""
	if g.min > 0 {
		text = fmt.Sprintf("≥ %.4g ×", g.min)
	}
	if g.max > 0 {
		text = fmt.Sprintf("≤ %.4g ×", g.max)
	}
	if g.aim > 0 {
		text += fmt.Sprintf(", aim %.4g ×", g.aim)
	}
	return text
}

// throughput compares the throughput of two programs.
func throughput(what string, ours, theirs series, g goal) result {
	return ratio(what, ours.throughputText(), theirs.throughputText(), ours.against(theirs, rate), g)
}

// latency compares one quantile of the latencies of two programs, which is [p50] or [p99].
func latency(what string, ours, theirs series, of func(sample) float64, g goal) result {
	return ratio(what, ours.latencyText(), theirs.latencyText(), ours.against(theirs, of), g)
}

func ratio(what, ours, theirs string, value float64, g goal) result {
	return result{
		what: what, ours: ours, theirs: theirs, value: fmt.Sprintf("%.2f ×", value), target: g.String(), met: g.met(value),
	}
}

// throughputText formats the medians of throughput, of latencies if they were measured, and of processor time.
func (s series) throughputText() string {
	text := fmt.Sprintf("%.0f/s", s.median(rate))
	if s.median(p99) > 0 {
		text += ", " + s.quantiles()
	}
	return text + s.cpuText()
}

// latencyText formats the medians over the rounds of latencies and of processor time.
func (s series) latencyText() string { return s.quantiles() + s.cpuText() }

func (s series) quantiles() string {
	return fmt.Sprintf("p50 %s, p99 %s", duration(s.median(p50)), duration(s.median(p99)))
}

// cpuText formats the medians over the rounds of the processor time per response, or returns "" if it is not known.
func (s series) cpuText() string {
	if s.median(onServer) == 0 {
		return ""
	}
	return fmt.Sprintf(", CPU %s + %s", duration(s.median(onServer)), duration(s.median(onDatabase)))
}

// duration formats nanoseconds with three digits and a unit.
func duration(ns float64) string {
	switch d := time.Duration(ns); {
	case d >= time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	default:
		return fmt.Sprintf("%.3g µs", float64(d)/float64(time.Microsecond))
	}
}

// atMost returns the result of a duration that must not be longer than the duration most.
func atMost(what string, ours string, value, most time.Duration) result {
	return result{
		what: what, ours: ours, value: duration(float64(value)),
		target: "≤ " + duration(float64(most)), met: value <= most,
	}
}
