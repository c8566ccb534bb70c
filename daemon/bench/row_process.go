package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// rowMemory reads the resident memory of keyseatd: idle after its start, and the maximum under load. The
// load is all calls over 256 connections, while workers carry out the tasks.
func rowMemory(ctx context.Context, b *bench) ([]result, error) {
	s, drop, err := b.newUpgradeSetup(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	n := int(maxUpgradeRate * b.length.Seconds())
	if err := fillUnusedKeys(ctx, s.url, n); err != nil {
		return nil, err
	}
	p, err := newProvider(ctx, false)
	if err != nil {
		return nil, err
	}
	go p.run()
	server, err := s.serve(ctx, s.url, "--master-key-file", s.flags[1], "--connector", p.url())
	if err != nil {
		return nil, err
	}
	defer server.kill()
	time.Sleep(2 * time.Second) // after that it is idle
	idle, err := server.residentMemory("VmRSS:")
	if err != nil {
		return nil, err
	}
	for _, generators := range []func() generator{upgradeRequests(n), anyStockRequests(), anyInfoRequests(n)} {
		if _, err := (load{highConcurrency, b.length, 0, generators}).on(ctx, server.addr); err != nil {
			return nil, fmt.Errorf("%w: %s", err, server.logTail())
		}
	}
	busy, err := server.residentMemory("VmHWM:")
	if err != nil {
		return nil, err
	}
	return []result{memoryResult("idle", idle, 48), memoryResult("at most, under upgrade, stock and info, 256 connections", busy, 128)}, nil
}

// residentMemory reads a value of the process's memory from Linux, in MiB.
func (p *process) residentMemory(name string) (float64, error) {
	kib, _, _ := strings.Cut(fileField(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid), name), " ")
	n, err := strconv.Atoi(kib)
	if err != nil {
		return 0, fmt.Errorf("the memory of a process is known on Linux only: %w", err)
	}
	return float64(n) / 1024, nil
}

func memoryResult(when string, mib, most float64) result {
	return result{
		what: "resident memory of keyseatd, " + when, ours: fmt.Sprintf("%.1f MiB", mib), value: fmt.Sprintf("%.1f MiB", mib),
		target: fmt.Sprintf("≤ %.0f MiB", most), met: mib <= most,
	}
}

// rowStart measures the time from the start of the process until it is ready. The file does not exist before,
// so the process also makes the tables and the master key.
func rowStart(ctx context.Context, b *bench) ([]result, error) {
	var all []time.Duration
	for range startsPerRound * b.rounds {
		took, err := b.measureStart(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, took)
	}
	s := series{newSample([][]time.Duration{all}, time.Second)}
	return []result{atMost("start to ready on SQLite, without a file", s.latencyText(), s[0].p50, 150*time.Millisecond)}, nil
}

// measureStart measures one start.
func (b *bench) measureStart(ctx context.Context) (time.Duration, error) {
	path := b.path("empty.db")
	start := time.Now()
	s, err := b.serve(ctx, "sqlite:"+path, "--connector", "sim")
	if err != nil {
		return 0, err
	}
	defer s.kill()
	return time.Since(start), nil
}
