package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// few is the number of keys of the smaller store.
const few = 100_000

// archived is the largest number of keys for which archiving is measured. Archiving reads all keys, and takes
// at least half a minute per million.
const archived = 2_000_000

// growth measures the cost of one store. The program measures a store with many keys and one with few in
// the same way, one after the other. Each has its own database.
type growth struct {
	*bench
	url   string
	flags []string // of every daemon
	keys  int
	used  int // number of keys in use, which have the lowest numbers; archived at the end
	fresh int // number of keys to upgrade, which have the highest numbers
	all   []figure
}

// A figure is a cell of the table. If its value is 0, the table shows no ratio.
type figure struct {
	what, text string
	value      float64
}

func (g *growth) add(what string, value float64, format string, args ...any) {
	g.all = append(g.all, figure{what, fmt.Sprintf(format, args...), value})
	g.say("  %s: %s", what, g.all[len(g.all)-1].text)
}

// grow measures both stores and prints the table.
func (b *bench) grow(ctx context.Context, w io.Writer) error {
	var sides [][]figure
	for _, n := range []int{min(few, b.growth), b.growth} {
		b.say("among %d keys", n)
		all, err := b.grown(ctx, n)
		if err != nil {
			return fmt.Errorf("among %d keys: %w", n, err)
		}
		sides = append(sides, all)
	}
	out := bufio.NewWriter(w)
	_, _ = fmt.Fprintf(out, "%s; %s; measurements of %v\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"), b.surroundings(ctx), b.length)
	_, _ = fmt.Fprintf(out, "| | %d keys | %d keys | ratio |\n| --- | ---: | ---: | ---: |\n", min(few, b.growth), b.growth)
	for _, f := range sides[0] {
		_, _ = fmt.Fprintln(out, f.beside(sides[1]))
	}
	return out.Flush()
}

// beside returns a line of the table. It has figure f of the smaller store, and the same figure of the
// larger store if it was measured.
func (f figure) beside(many []figure) string {
	text, ratio := "", ""
	if i := slices.IndexFunc(many, func(m figure) bool { return m.what == f.what }); i >= 0 {
		text = many[i].text
		if f.value > 0 {
			ratio = fmt.Sprintf("%.2f", many[i].value/f.value)
		}
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", f.what, f.text, text, ratio)
}

// grown makes all measurements of a store with n keys.
func (b *bench) grown(ctx context.Context, n int) ([]figure, error) {
	url, drop, err := b.database(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	master, err := b.masterKey(ctx)
	if err != nil {
		return nil, err
	}
	enough := int(fastest * (b.length + min(warmth, b.length)).Seconds())
	g := &growth{bench: b, url: url, flags: []string{"--master-key-file", master}, keys: n, used: n / 10, fresh: min(enough, n/2)}
	steps := []func(context.Context) error{g.fill, g.weigh, g.info, g.stock, g.upgrade, g.vacuum}
	if n <= archived {
		steps = append(steps, g.archive)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return g.all, nil
}
