package main

import (
	"context"
	"time"
)

// starts is the number of measured starts per round.
const starts = 5

// rowStart measures the time from the start of the process until it is ready. The file does not exist before,
// so the process also makes the tables and the master key.
func rowStart(ctx context.Context, b *bench) ([]result, error) {
	var all []time.Duration
	for range starts * b.rounds {
		took, err := b.started(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, took)
	}
	s := series{newSample([][]time.Duration{all}, time.Second)}
	return []result{bounded("start to ready on SQLite, with no file yet", s.waited(), s[0].p50, 150*time.Millisecond)}, nil
}

func (b *bench) started(ctx context.Context) (time.Duration, error) {
	path := b.path("empty.db")
	start := time.Now()
	s, err := b.serve(ctx, "sqlite:"+path, "--connector", "sim")
	if err != nil {
		return 0, err
	}
	defer s.kill()
	return time.Since(start), nil
}
