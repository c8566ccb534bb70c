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
// The files of tests are put into the folder that --keep names: the output, the journals of clients and provider, and
// histories. If a failed test was random, its output has the seed. For each violation, soak prints the command that
// runs the test again. The exit status is 0 if no promise was violated, and 1 otherwise.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options are the values of the command line, and the folders of one run.
type options struct {
	length    float64
	keep      string // the folder for the files of tests
	root      string // the folder of the main module
	temporary string // the folder for temporary files of tests
}

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

// A rowRun is one run of the test of a row.
type rowRun struct {
	row
	command string // the command that runs the row again
	log     string // the path of the file with the test's output
	reports []*report
	took    time.Duration
	err     error // the violation, or the reason why the test did not run; nil: no violation
}

// runRow runs the test of a row to its end, and puts the test's files into a folder of [options.keep].
func (o options) runRow(ctx context.Context, r row) rowRun {
	start := time.Now()
	run := rowRun{row: r, command: "go -C daemon/soak run . --length " + fmt.Sprint(o.length) + " --only " + r.name}
	folder := filepath.Join(o.keep, r.name)
	run.err = os.MkdirAll(folder, 0o755)
	if run.err == nil {
		run.log = filepath.Join(folder, "log")
		run.err = run.start(ctx, o.testCommand(ctx, r, folder))
	}
	run.took = time.Since(start)
	return run
}

// testCommand returns the command that runs the test of a row, as a process group that ends with the context.
func (o options) testCommand(ctx context.Context, r row, folder string) *exec.Cmd {
	args := []string{"test", "-json", "-count=1", "-timeout=0", "-run", r.test, "-artifacts", "-outputdir", folder, r.pkg}
	cmd := exec.CommandContext(ctx, "go", append(args, r.args(o.length)...)...)
	cmd.Dir = o.root
	cmd.Env = append(os.Environ(), "KEYSEAT_REQUIRE_POSTGRES=1", "TMPDIR="+o.temporary)
	startProcessGroup(cmd)
	cmd.WaitDelay = time.Minute
	return cmd
}

// start runs the command to its end, and reads the reports of the test. It returns the violation, if any.
func (r *rowRun) start(ctx context.Context, cmd *exec.Cmd) error {
	log, err := os.Create(r.log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // a lost line of the log does not change the result
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	r.reports, err = readReports(stdout, log)
	return errors.Join(err, cmd.Wait(), ctx.Err(), r.verify())
}

// verify returns an error unless every test ran, succeeded and made at least one trial.
func (r *rowRun) verify() error {
	if len(r.reports) == 0 {
		return errors.New("the test has reported nothing")
	}
	for _, p := range r.reports {
		if p.failed || p.values["trials"] == "0" {
			return fmt.Errorf("%s has failed, was skipped, or made no trial", p.test)
		}
	}
	return nil
}

// violation returns the text of the column "violations" for a report, or for the whole row if the report is nil.
func (r *rowRun) violation(of *report) string {
	anyFailed := false
	for _, p := range r.reports {
		anyFailed = anyFailed || p.failed
	}
	switch {
	case r.err == nil, of != nil && anyFailed && !of.failed:
		return "0"
	case errors.Is(r.err, context.Canceled):
		return "not known: interrupted"
	}
	return "**violated**: " + strings.ReplaceAll(r.err.Error(), "\n", "; ")
}
