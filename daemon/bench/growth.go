package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// smallStore is the number of keys of the store with which --growth compares a larger store.
const smallStore = 100_000

// maxArchived is the largest number of keys for which archiving is measured. Archiving reads all keys, and takes
// at least half a minute per million.
const maxArchived = 2_000_000

// runGrowth measures the smaller and the larger store, and writes the table.
func (b *bench) runGrowth(ctx context.Context, w io.Writer) error {
	var stores [][]measurement
	for _, n := range []int{min(smallStore, b.growth), b.growth} {
		b.logf("among %d keys", n)
		if err := try(func() { stores = append(stores, b.measureStore(ctx, n)) }); err != nil {
			return fmt.Errorf("among %d keys: %w", n, err)
		}
	}
	out := bufio.NewWriter(w)
	_, _ = fmt.Fprintf(out, "%s; %s; measurements of %v\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"), b.environment(ctx), b.length)
	_, _ = fmt.Fprintf(out, "| | %d keys | %d keys | ratio |\n| --- | ---: | ---: | ---: |\n", min(smallStore, b.growth), b.growth)
	for _, m := range stores[0] {
		_, _ = fmt.Fprintln(out, m.tableLine(stores[1]))
	}
	return out.Flush()
}

// tableLine returns the line of the table for m, a measurement of the smaller store. If larger has the same measurement
// of the larger store, the line has both.
func (m measurement) tableLine(larger []measurement) string {
	text, ratio := "", ""
	if i := slices.IndexFunc(larger, func(l measurement) bool { return l.what == m.what }); i >= 0 {
		text = larger[i].text
		if m.value > 0 {
			ratio = fmt.Sprintf("%.2f", larger[i].value/m.value)
		}
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", m.what, m.text, text, ratio)
}

// measureStore makes all measurements of a store with n keys.
func (b *bench) measureStore(ctx context.Context, n int) []measurement {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer b.dropDatabases(context.WithoutCancel(ctx))
	s := b.newSetup(ctx, "--connector", "sim")
	s.keys = n
	enough := int(maxUpgradeRate * (b.length + min(warmup, b.length)).Seconds())
	g := &growth{setup: s, used: n / 10, unused: min(enough, n/2)}
	steps := []func(context.Context){g.fill, g.measureSize, g.info, g.stock, g.upgrade, g.vacuum}
	if n <= maxArchived {
		steps = append(steps, g.archive)
	}
	for _, step := range steps {
		step(ctx)
	}
	return g.measurements
}

// vacuum measures one VACUUM after the upgrades, and then the latency of the call info while one VACUUM follows another.
func (g *growth) vacuum(ctx context.Context) {
	dead := query[int](ctx, g.url, "SELECT sum(n_dead_tup)::bigint FROM pg_stat_user_tables")
	start := time.Now()
	check(execute(ctx, g.url, maintenanceSQL[0]))
	g.add("VACUUM (ANALYZE) after the upgrades", 0, "%s, %d dead rows", duration(float64(time.Since(start))), dead)
	got := g.infoDuringVacuum(ctx)
	g.addLatencies(fmt.Sprintf("info at %d/s during VACUUM", openLoopRate), got)
	runs := query[int](ctx, g.url, "SELECT sum(autovacuum_count)::bigint FROM pg_stat_user_tables")
	g.add("runs of autovacuum until then", 0, "%d", runs)
}

// infoDuringVacuum measures info in an open loop while another goroutine runs one VACUUM after another.
func (g *growth) infoDuringVacuum(ctx context.Context) (got sample) {
	vacuuming, stop := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() {
		var err error
		for err == nil && vacuuming.Err() == nil {
			err = execute(ctx, g.url, maintenanceSQL[0])
		}
		failed <- err
	}()
	err := try(func() { got = g.measureOnce(ctx, g.startOurs, load{32, g.length, openLoopRate, g.infoRequests}) })
	stop()
	check(errors.Join(err, <-failed))
	return got
}

// archive measures the archiving of the keys in use, which are a tenth of all keys, and a VACUUM afterwards.
func (g *growth) archive(ctx context.Context) {
	before := g.sizes(ctx)
	g.addCost(ctx, "", "archived entry", func() sample { return g.runArchive(ctx) })
	start := time.Now()
	check(execute(ctx, g.url, maintenanceSQL...))
	after := g.sizes(ctx)
	g.add("VACUUM after the archive", 0, "%s; the tables had %d MB before, and have %d MB now", duration(float64(time.Since(start))), before/1e6, after/1e6)
}

// runArchive measures keyseatd archive. It returns a sample that has only the number of archived history entries.
func (g *growth) runArchive(ctx context.Context) sample {
	start := time.Now()
	out := g.runKeyseatd(ctx, nil, "archive", "--database", g.url, "--to", g.path("archive"),
		"--before", start.Add(-30*24*time.Hour).UTC().Format(time.RFC3339))
	took := time.Since(start)
	var tasks, entries, keys int
	if _, err := fmt.Sscanf(string(out), "archived %d tasks and %d history entries of %d keys", &tasks, &entries, &keys); err != nil || keys != g.used {
		check(fmt.Errorf("%w: %s", errUnexpected, out))
	}
	million := func(n int) string { return duration(float64(took) * 1e6 / float64(n)) }
	g.add("archive", 0, "%s; per million keys read %s, per million history entries archived %s", duration(float64(took)), million(g.keys), million(entries))
	return sample{all: entries}
}
