// Command bench compares keyseatd with possible replacements, and prints one Markdown table:
//
//	go -C daemon/bench run .                 # everything, about three quarters of an hour
//	go -C daemon/bench run . --only 1,2,3    # some rows
//	go -C daemon/bench run . --quick         # a short test that everything works
//	go -C daemon/bench run . --growth N      # instead: the cost of N keys, compared with 100,000
//
// Bench starts all programs that it needs, and leaves nothing behind. They are a PostgreSQL with durable settings,
// keyseatd built from this checkout, and the programs that keyseatd is compared with, called peers. Each is a process
// of its own. The provider, which carries out tasks immediately, is a part of bench. The peers are:
//
//   - The bare peers answer the same calls from the same tables as keyseatd, with one statement or transaction each.
//   - The first peer is the simplest program for upgrades. It has small tables of its own, no history and no encryption.
//   - River carries out tasks.
//   - The constant peer is a handler without a database.
//
// The column "limit" has a ratio too: the throughput of a program that does the least, divided by the throughput of
// the compared peer. This program is the constant peer. On one connection, it is a peer with one query for an info, or
// one INSERT for an upgrade, because there requests cannot share a statement or a COMMIT.
//
//	          ┌─ keyseatd ──┬─▶ provider (answers immediately, or never)
//	load ─────┤             │
//	(1, 32,   ├─ bare peer ─┴─▶ PostgreSQL, with fsync and synchronous_commit
//	256 conns)│                     ▲
//	          └─ constant peer      └── COPY, River
//
// Bench measures the programs in turn, with the same data and nothing else running. Each round reverses
// their order. A ratio is the median of the rounds' ratios.
//
// Throughput is measured in a closed loop, and latency at a given rate of requests in an open loop. A latency of the
// open loop counts from the time at which the request was due, even if no connection was free to send it.
//
// Bench checks every response. After a measurement it compares the number of accepted requests with the rows in the
// database. A wrong response or number ends the run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
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
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	b := &bench{options: o}
	defer b.close()
	if err := try(func() { b.open(ctx) }); err != nil {
		return err
	}
	if b.growth > 0 {
		return b.runGrowth(ctx, os.Stdout)
	}
	results, err := b.measure(ctx)
	// After an interrupt or a failure, the report has the rows that were measured before.
	return errors.Join(err, b.report(ctx, os.Stdout, results))
}

// measure measures the selected rows, one after another.
func (b *bench) measure(ctx context.Context) (all []result, err error) {
	for _, r := range rows {
		if len(b.only) > 0 && !slices.Contains(b.only, r.number) {
			continue
		}
		b.logf("row %d: %s", r.number, r.name)
		var results []result
		if err := try(func() { results = b.runRow(ctx, r) }); err != nil {
			return all, fmt.Errorf("row %d: %w", r.number, err)
		}
		for _, result := range results {
			result.row = r.number
			b.logf("  %s", result)
			all = append(all, result)
		}
	}
	return all, nil
}

// runRow measures a row. Afterwards it drops the databases of the row, and stops the row's providers.
func (b *bench) runRow(ctx context.Context, r row) []result {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer b.dropDatabases(context.WithoutCancel(ctx))
	return r.run(ctx, b)
}

// A row is a group of measurements that the flag --only selects by number. It fills one or more lines of the table.
type row struct {
	number int
	name   string
	run    func(ctx context.Context, b *bench) []result
}

var rows = []row{
	{1, "info, 256 connections", rowInfo},
	{2, "info, 1 connection", rowInfoSingle},
	{3, "upgrade accepted and durable, 256 connections", rowUpgrade},
	{4, "upgrade, 1 connection", rowUpgradeSingle},
	{5, "tasks leased, carried out and settled", rowWork},
	{6, "upgrade on SQLite, 64 connections", rowSQLite},
	{7, "stock with 1,000,000 plans in 200 countries", rowStock},
	{8, "from accepted to the provider's call", rowDelay},
	{9, "import of 1,000,000 keys", rowImport},
	{10, "info among 10,000,000 keys", rowSize},
	{11, "resident memory", rowMemory},
	{12, "start to ready, SQLite, empty", rowStart},
	{13, "lists among 10,000,000 keys", rowLists},
}

// peers are the programs that keyseatd is compared with, by name. A peer gets the arguments that follow its name.
var peers = map[string]func(ctx context.Context, args []string) error{
	"constant":     peerConstant,
	"bare-info":    peerInfo,
	"bare-upgrade": peerUpgrade,
	"first":        peerFirst,
	"insert":       peerInsert,
	"bare-sqlite":  peerSQLite,
	"river":        peerRiver,
}

// runPeer runs the peer that args[0] names until the standard input ends, which is when the parent process closes it or
// dies.
func runPeer(ctx context.Context, args []string) error {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // an error ends the peer too
		cancel()
	}()
	run, found := peers[args[0]]
	if !found {
		return fmt.Errorf("no such peer: %s", args[0])
	}
	return run(ctx, args[1:])
}
