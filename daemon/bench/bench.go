package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A bench is one run of this program, which all measurements share.
type bench struct {
	options
	folder     string   // contains all files of the run
	self       string   // the path of this program
	admin      string   // the URL of the PostgreSQL server, with the administrator as the user
	postmaster int      // the process id of the server; 0: unknown
	stop       func()   // stops the server
	names      int      // counts the names of databases and files, so that each name is unique
	databases  []string // the names of the databases that exist
	master     string   // the path of the file of master keys
}

// logf prints progress to standard error. Standard output gets only the table.
func (b *bench) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stderr, format+"\n", args...) // the measurement goes on if standard error is closed
}

// path returns an unused path for a new file.
func (b *bench) path(name string) string {
	b.names++
	return filepath.Join(b.folder, fmt.Sprintf("%d-%s", b.names, name))
}

var errUnexpected = errors.New("unexpected result")

// waitTimeout is the maximum time to wait for a program. Programs take longer only after a fault.
const waitTimeout = 30 * time.Second

// options are the values of the command line.
type options struct {
	only     []int         // the numbers of the rows to measure; empty: all rows
	rounds   int           // the number of rounds of each comparison
	length   time.Duration // the duration of one measurement
	quick    bool
	keyseatd string   // the path of the program; "": bench builds it from the checkout
	settings []string // further settings of PostgreSQL
	profile  string   // the folder for CPU profiles of keyseatd; "": no profiles
	growth   int      // compare a store of this number of keys with a small one; 0: measure the rows
}

func parseOptions(args []string) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	seconds := flags.Float64("seconds", 5, "duration of one measurement")
	flags.IntVar(&o.rounds, "rounds", 5, "number of measurements of each program")
	flags.BoolVar(&o.quick, "quick", false, "one round of a second with less data, to see that everything works")
	flags.StringVar(&o.keyseatd, "keyseatd", "", "measure this `program`, such as an older version, instead of building one")
	flags.StringVar(&o.profile, "profile", "", "write CPU profiles of keyseatd into this `folder`")
	flags.IntVar(&o.growth, "growth", 0, "measure the cost of this number of `keys`, compared with 100000, instead of the rows")
	flags.Func("setting", "a further setting of PostgreSQL, as `name=value`; repeatable", func(s string) error {
		o.settings = append(o.settings, s)
		return nil
	})
	flags.Func("only", "the `rows` to measure, such as 1,2,3", func(list string) error {
		o.only = nil
		for text := range strings.SplitSeq(list, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil {
				return err
			}
			o.only = append(o.only, n)
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.length = time.Duration(*seconds * float64(time.Second))
	if o.quick {
		o.rounds, o.length = 1, time.Second
	}
	if o.rounds < 1 || o.length <= 0 || flags.NArg() > 0 {
		return o, fmt.Errorf("need at least one round, a positive duration and no argument: %q", args)
	}
	return o, nil
}

// size returns the number of keys or plans to use: n, or a tenth of n with --quick.
func (o options) size(n int) int {
	if o.quick {
		return n / 10
	}
	return n
}

// A stepError is the error of a failed step of a measurement. [must] and [check] panic with it, and [try] recovers and
// returns the error. So the code of a measurement, in the goroutine that has called try, needs no error returns. Loads
// and peers return errors, because they run in other goroutines and processes.
type stepError struct{ error }

// must returns the value of a step that must not fail.
func must[T any](value T, err error) T {
	check(err)
	return value
}

// check ends the measurement if err is not nil. Call it only in the goroutine of [try], because in another goroutine
// its panic would end the program. Do not call it in a deferred function, because its error would replace an earlier
// one.
func check(err error) {
	if err != nil {
		panic(stepError{err})
	}
}

// try runs a step, and returns the error with which [check] or [must] has ended the step. Any other panic continues.
func try(step func()) (err error) {
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case stepError:
			err = failure.error
		default:
			panic(failure)
		}
	}()
	step()
	return nil
}
