package ratelimit

import (
	"context"
	"crypto/rand"
	"math"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/internal/batch"
)

// A SharedCounter counts unknown keys for all daemons that share a database. It is safe for concurrent use.
type SharedCounter interface {
	// Heartbeat records that the named daemon is alive for the duration ttl. It returns the number of live daemons.
	Heartbeat(ctx context.Context, name string, ttl time.Duration) (daemons int, err error)

	// CountUnknownKeys adds counts of unknown keys, per address block, to the current one-minute window of each block.
	// A window starts with the first unknown key of its block. CountUnknownKeys calls yield once for each block, with
	// the new total and the positive remaining time of the window. After an error, the counts may have been added.
	CountUnknownKeys(ctx context.Context, counts map[netip.Prefix]int, yield func(block netip.Prefix, total int, left time.Duration)) error
}

const (
	heartbeatEvery = 10 * time.Second
	heartbeatTTL   = 3 * heartbeatEvery     // tolerates two missed heartbeats
	waitTimeout    = 250 * time.Millisecond // how long one count waits for the totals of all daemons
	flushTimeout   = 2 * time.Second        // timeout of a heartbeat and of a batch of counts
)

// A counter sends counts to a [SharedCounter] in batches. While one batch is sent, further counts wait for the next
// batch. So at most one statement runs at a time, however many clients guess keys.
type counter struct {
	shared  SharedCounter
	name    string                                     // name of this daemon in its heartbeats
	daemons atomic.Int64                               // number of daemons at the last heartbeat; 0: unknown
	batcher *batch.Batcher[[]netip.Prefix, []position] // takes the blocks of an unknown key, and returns the key's position in each block
}

// A position is the number of an unknown key among all unknown keys in the window of one block, from 1.
type position struct {
	n    int
	left time.Duration // time left in the window
}

// newCounter returns a counter that calls apply with each total that the shared counter returns.
func newCounter(shared SharedCounter, apply func(block netip.Prefix, total int, left time.Duration)) *counter {
	flush := func(ctx context.Context, unknown [][]netip.Prefix) ([][]position, error) {
		counts := map[netip.Prefix]int{}
		for _, blocks := range unknown {
			for _, b := range blocks {
				counts[b]++
			}
		}
		last := make(map[netip.Prefix]position, len(counts))
		err := shared.CountUnknownKeys(ctx, counts, func(b netip.Prefix, total int, left time.Duration) {
			last[b] = position{total, left}
			apply(b, total, left)
		})
		positions := make([][]position, len(unknown))
		for i, blocks := range slices.Backward(unknown) {
			for _, b := range blocks {
				positions[i] = append(positions[i], last[b])
				last[b] = position{last[b].n - 1, last[b].left}
			}
		}
		return positions, err
	}
	return &counter{shared: shared, name: rand.Text(), batcher: &batch.Batcher[[]netip.Prefix, []position]{
		Call: flush, MaxBatch: math.MaxInt, MaxInFlight: 1, CallTimeout: flushTimeout,
	}}
}

// count counts an unknown key in each of the blocks, and returns the key's position in each of them. It returns an
// error after [waitTimeout], or when ctx ends. The key is counted even then.
func (c *counter) count(ctx context.Context, blocks []netip.Prefix) ([]position, error) {
	done := c.batcher.Start(context.WithoutCancel(ctx), blocks)
	ctx, cancel := context.WithTimeout(ctx, waitTimeout)
	defer cancel()
	select {
	case r := <-done:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Value[0], nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// heartbeat records that this daemon is alive, and stores the number of live daemons in c.
func (c *counter) heartbeat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	n, err := c.shared.Heartbeat(ctx, c.name, heartbeatTTL)
	if err == nil {
		c.daemons.Store(int64(n))
	}
	return err
}

// localShare returns how many unknown keys this daemon may allow without the shared counter: an equal share of the
// limit, at least 1. The share is 1 while the number of daemons is unknown.
func (c *counter) localShare(limit int) int {
	daemons := int(c.daemons.Load())
	if daemons == 0 {
		return 1
	}
	return max(1, limit/daemons)
}
