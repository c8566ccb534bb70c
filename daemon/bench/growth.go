package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// few is how many keys the others are compared with.
const few = 100_000

// archived is how many keys archiving is measured of, at most: it goes through all of them, half a minute and more
// a million.
const archived = 2_000_000

// growth says what a store of many keys costs beside one of few: the same measurements of both, one
// after the other, each of a database of its own.
type growth struct {
	*bench
	url   string
	flags []string // that every daemon has
	keys  int
	used  int // of them, and archived in the end: those of the lowest numbers
	fresh int // of them, to be upgraded: those of the highest
	all   []figure
}

// A figure is a cell of the table. It has no ratio where it has no value.
type figure struct {
	what, text string
	value      float64
}

func (g *growth) add(what string, value float64, format string, args ...any) {
	g.all = append(g.all, figure{what, fmt.Sprintf(format, args...), value})
	g.say("  %s: %s", what, g.all[len(g.all)-1].text)
}

// grow measures both and prints the table.
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

// beside is a line of the table: what was measured of few, and the same of many if it was.
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

// grown makes all measurements of a store of n keys.
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
