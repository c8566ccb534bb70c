package main

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
