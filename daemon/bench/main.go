package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err) // the exit status reports the failure too
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == asPeer {
		return runPeer(ctx, args[1:])
	}
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	if b.growth > 0 {
		return b.grow(ctx, os.Stdout)
	}
	results, err := b.measure(ctx)
	// After an interrupt or a failure, report the rows measured before it.
	return errors.Join(err, b.report(ctx, os.Stdout, results))
}

// measure measures the wanted rows, one after another.
func (b *bench) measure(ctx context.Context) (all []result, err error) {
	for _, r := range rows {
		if !b.wanted(r.number) {
			continue
		}
		b.say("row %d: %s", r.number, r.name)
		results, err := r.run(ctx, b)
		if err != nil {
			return all, fmt.Errorf("row %d: %w", r.number, err)
		}
		for _, result := range results {
			result.row = r.number
			b.say("  %s", result)
			all = append(all, result)
		}
	}
	return all, nil
}
