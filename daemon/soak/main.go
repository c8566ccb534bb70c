// Soak runs the test of each of keyseat's promises at full length. It prints a table with the number of trials, the
// number of faults that were injected, and the violations that were found.
//
//	go -C daemon/soak run .                       every promise at full length: an hour or two
//	go -C daemon/soak run . --length 0.05         a twentieth of it
//	go -C daemon/soak run . --only kill,failover  some promises
//	go -C daemon/soak run . --list                lists the promises
//
// `go test ./...` runs the same tests with fewer trials. The tests start keyseatd, a PostgreSQL of their own and a fake
// provider on loopback, and end them.
//
// Soak keeps the files of each test in the folder that --keep names: the output, the journals of clients and provider,
// and the recorded histories. If the inputs of a failed test were random, its output has the seed. For each violation,
// soak prints the command that runs the test again. The exit status is 0 if no promise was violated, and 1 otherwise.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs soak with arguments, and returns the exit status. It is 0 without a violation, and 1 after a violation or an
// interrupt. It is 2 if the arguments are invalid or the folders cannot be made.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	length := flags.Float64("length", 1, "the part of the full length to run")
	only := flags.String("only", "", "the promises to try, by name, with commas between them")
	keep := flags.String("keep", "", "the folder that keeps what failing tests leave; a temporary one if empty")
	onlyList := flags.Bool("list", false, "list the promises and try none")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	selected, err := selectRows(*only)
	if err == nil && *length <= 0 {
		err = errors.New("--length must be more than 0")
	}
	if err == nil && *onlyList {
		for _, r := range selected {
			_, _ = fmt.Fprintf(stdout, "%-15s %s\n", r.name, r.promise)
		}
		return 0
	}
	o := options{length: *length}
	if err == nil {
		err = o.prepare(*keep)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return 2
	}
	return o.soak(ctx, selected, stdout, stderr)
}

// prepare sets and makes the folders of a run. Every user may read the temporary folder, because PostgreSQL runs as
// another user if the tests run as root.
func (o *options) prepare(keep string) (err error) {
	if keep == "" {
		keep = filepath.Join(os.TempDir(), "keyseat-soak", time.Now().Format("20060102-150405"))
	}
	if o.keep, err = filepath.Abs(keep); err != nil {
		return err
	}
	if o.root, err = filepath.Abs("../.."); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(o.root, "daemon", "soak")); err != nil {
		return fmt.Errorf("run it as go -C daemon/soak run . in a checkout: %w", err)
	}
	if o.temporary, err = os.MkdirTemp("", "keyseat-soak-"); err != nil {
		return err
	}
	return os.Chmod(o.temporary, 0o755)
}

// soak runs rows one after another, so that no row disturbs the figures of another row. It returns the exit status.
func (o options) soak(ctx context.Context, selected []row, stdout, stderr io.Writer) int {
	defer func() { _ = os.RemoveAll(o.temporary) }()
	status := 0
	var violated []rowRun
	o.printHeading(ctx, stdout, time.Now())
	for _, r := range selected {
		if ctx.Err() != nil {
			status = 1
			break
		}
		_, _ = fmt.Fprintf(stderr, "%s %s …\n", time.Now().Format(time.TimeOnly), r.name)
		run := o.runRow(ctx, r)
		run.print(stdout)
		if run.err != nil {
			status, violated = 1, append(violated, run)
		}
	}
	for _, run := range violated {
		run.printCommand(stderr)
	}
	return status
}
