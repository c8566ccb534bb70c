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
	s, drop, err := b.upgradeStage(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	n := int(fastest * b.length.Seconds())
	if err := freshKeys(ctx, s.url, n); err != nil {
		return nil, err
	}
	p, err := newProvider(ctx, false)
	if err != nil {
		return nil, err
	}
	go p.run()
	server, err := s.serve(ctx, s.url, "--master-key-file", s.flag[1], "--connector", p.url())
	if err != nil {
		return nil, err
	}
	defer server.kill()
	time.Sleep(2 * time.Second) // after that it is idle
	idle, err := server.resident("VmRSS:")
	if err != nil {
		return nil, err
	}
	for _, askers := range []func() asker{upgrades(n), anyStock(), shownKeys(n)} {
		if _, err := (load{crowd, b.length, 0, askers}).on(ctx, server.addr); err != nil {
			return nil, fmt.Errorf("%w: %s", err, server.tail())
		}
	}
	busy, err := server.resident("VmHWM:")
	if err != nil {
		return nil, err
	}
	return []result{memory("idle", idle, 48), memory("at most, under upgrade, stock and info, 256 connections", busy, 128)}, nil
}

// resident reads a memory figure of the process from Linux, in MiB.
func (p *process) resident(name string) (float64, error) {
	kib, _, _ := strings.Cut(field(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid), name), " ")
	n, err := strconv.Atoi(kib)
	if err != nil {
		return 0, fmt.Errorf("the memory of a process is known on Linux only: %w", err)
	}
	return float64(n) / 1024, nil
}

func memory(when string, mib, most float64) result {
	return result{
		what: "resident memory of keyseatd, " + when, ours: fmt.Sprintf("%.1f MiB", mib), figure: fmt.Sprintf("%.1f MiB", mib),
		target: fmt.Sprintf("≤ %.0f MiB", most), met: mib <= most,
	}
}

// anyStock requests the stock and accepts any stock.
func anyStock() func() asker {
	return func() asker {
		return func(q *question) bool {
			q.request = append(q.request[:0], "GET /API/?stock HTTP/1.1\r\nHost: bench\r\n\r\n"...)
			q.want = append(q.want[:0], '[')
			return true
		}
	}
}

// shownKeys requests info of random keys and accepts any status.
func shownKeys(keys int) func() asker {
	askers := infos(keys)
	return func() asker {
		ask := askers()
		return func(q *question) bool {
			more := ask(q)
			q.want = append(q.want[:0], `"purchase_date":"`...)
			return more
		}
	}
}

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
