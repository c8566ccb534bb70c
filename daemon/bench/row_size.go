package main

import (
	"context"
	"fmt"
)

// rowSize compares the latency of info among many keys with its latency among few.
func rowSize(ctx context.Context, b *bench) ([]result, error) {
	many, dropMany, err := b.infoStage(ctx, b.size(10_000_000))
	if err != nil {
		return nil, err
	}
	defer dropMany()
	few, dropFew, err := b.infoStage(ctx, b.size(100_000))
	if err != nil {
		return nil, err
	}
	defer dropFew()
	got, err := b.alternate(ctx, b.loaded(many.ours, many.infos(1, 0)), b.loaded(few.ours, few.infos(1, 0)))
	if err != nil {
		return nil, err
	}
	return []result{latency(fmt.Sprintf("p50 of info among %d keys, beside %d", many.keys, few.keys), got[0], got[1], p50, goal{most: 1.3})}, nil
}
