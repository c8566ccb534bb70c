package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// report writes a heading with the environment, and the table.
func (b *bench) report(ctx context.Context, w io.Writer, results []result) error {
	if len(results) == 0 {
		return nil
	}
	out := bufio.NewWriter(w)
	_, _ = fmt.Fprintf(out, "%s; %s\n\nMedians of %d rounds of %v, the sides in turn. CPU is that of one answer, in the server + in the database.\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		b.surroundings(context.WithoutCancel(ctx)), b.rounds, b.length)
	_, _ = fmt.Fprintln(out, "| row | what | keyseatd | beside it | measured | target | met |\n| --- | --- | --- | --- | --- | --- | --- |")
	for _, r := range results {
		_, _ = fmt.Fprintf(out, "| %d | %s | %s | %s | %s | %s | %s |\n", r.row, r.what, r.ours, r.theirs, r.figure, r.target, r.verdict())
	}
	return out.Flush()
}

// surroundings describes the machine and the versions of all programs.
func (b *bench) surroundings(ctx context.Context) string {
	return strings.Join([]string{
		fmt.Sprintf("%s, %d cores, %s/%s", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH),
		runtime.Version(),
		"PostgreSQL " + b.postgres(ctx),
		"keyseatd " + commit(ctx),
		"River " + riverVersion(),
		"load of the machine at the end " + cmp.Or(field("/proc/loadavg", ""), "unknown"),
	}, "; ")
}

func (b *bench) postgres(ctx context.Context) string {
	return text(ctx, b.admin, "SELECT current_setting('server_version') || ' (fsync ' || current_setting('fsync') || ', synchronous_commit ' || current_setting('synchronous_commit') || ')'")
}

func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func processor() string {
	return cmp.Or(strings.TrimLeft(field("/proc/cpuinfo", "model name"), "\t :"), "unknown processor")
}

// field returns the rest of the first line of a file that begins with name, or "".
func field(file, name string) string {
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
