package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
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
		return b.runGrowth(ctx, os.Stdout)
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
		b.logf("row %d: %s", r.number, r.name)
		results, err := r.run(ctx, b)
		if err != nil {
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

// options are the values of the command line.
type options struct {
	only     []int         // numbers of the rows to measure; empty: all
	rounds   int           // number of rounds of each comparison
	length   time.Duration // duration of one measurement
	quick    bool
	keyseatd string   // path of the program; "": build it from the checkout
	settings []string // further settings of PostgreSQL
	profile  string   // folder for CPU profiles of keyseatd; "": no profiles
	growth   int      // number of keys; 0: measure the rows instead
}

func parseOptions(args []string) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	seconds := flags.Float64("seconds", 5, "how long one measurement takes")
	flags.IntVar(&o.rounds, "rounds", 5, "how often each side is measured")
	flags.BoolVar(&o.quick, "quick", false, "one round of a second, of less data: only shows that it works")
	flags.StringVar(&o.keyseatd, "keyseatd", "", "measure that `program`, an earlier one say, instead of building one")
	flags.StringVar(&o.profile, "profile", "", "write CPU profiles of keyseatd into that `folder`")
	flags.IntVar(&o.growth, "growth", 0, "measure, in place of the rows, what so many `keys` cost beside 100000")
	flags.Func("setting", "a further `name=value` of PostgreSQL's, as often as needed", func(s string) error {
		o.settings = append(o.settings, s)
		return nil
	})
	flags.Func("only", "the `rows` to measure, as 1,2,3", func(list string) (err error) {
		o.only, err = numbers(list)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.length = time.Duration(*seconds * float64(time.Second))
	if o.quick {
		o.rounds, o.length = 1, time.Second
	}
	if o.rounds < 1 || o.length <= 0 || flags.NArg() > 0 {
		return o, fmt.Errorf("there must be a round and some time, and no argument: %q", args)
	}
	return o, nil
}

func numbers(list string) (all []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

func (o options) wanted(row int) bool { return len(o.only) == 0 || slices.Contains(o.only, row) }

// size returns the amount of data to use: n, or a tenth of it with --quick.
func (o options) size(n int) int {
	if o.quick {
		return n / 10
	}
	return n
}

// A row is one measurement of the report. It may fill several lines of the table.
type row struct {
	number int
	name   string
	run    func(ctx context.Context, b *bench) ([]result, error)
}

var rows = []row{
	{1, "info, 256 connections", rowInfo},
	{2, "info, 1 connection", rowInfoSingle},
	{3, "upgrade accepted and durable, 256 connections", rowUpgrade},
	{4, "upgrade, 1 connection", rowUpgradeSingle},
	{5, "tasks leased, asked and settled", rowWork},
	{6, "upgrade on SQLite, 64 connections", rowSQLite},
	{7, "stock with 100,000 plans in 200 countries", rowStock},
	{8, "from accepted to asked", rowDelay},
	{9, "import of 1,000,000 keys", rowImport},
	{10, "info among 10,000,000 keys", rowSize},
	{11, "resident memory", rowMemory},
	{12, "start to ready, SQLite, empty", rowStart},
}
