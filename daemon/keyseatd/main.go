package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the process immediately, because a person is waiting. A second SIGTERM changes
	// nothing.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) })
	status := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// commands are all commands and global flags.
type commands struct {
	Serve      serveCmd      `cmd:"" help:"Serve the API and work on what it accepts."`
	Demo       demoCmd       `cmd:"" help:"Try everything in one process, with nothing to set up."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database's schema up to date."`
	MasterKey  masterKeyCmd  `cmd:"" help:"Look after the file of master keys."`
	AdminToken adminTokenCmd `cmd:"" help:"Look after the file of the admin API's tokens."`
	Keys       keysCmd       `cmd:"" help:"Make, import, export and look after keys."`
	Plans      plansCmd      `cmd:"" help:"Import, list and retire plans."`
	Tasks      tasksCmd      `cmd:"" help:"See and steer tasks."`
	Stock      stockCmd      `cmd:"" help:"Show the slots of each country."`
	Webhooks   webhooksCmd   `cmd:"" help:"See and steer what endpoints are told."`
	Completion completionCmd `cmd:"" help:"Print what makes a shell complete these commands."`
	Complete   completeCmd   `cmd:"" hidden:"" passthrough:"" help:"Complete a command line."`
	Check      checkCmd      `cmd:"" help:"Check whether a daemon would serve a request now."`
	Doctor     doctorCmd     `cmd:"" help:"Find what does not fit together in the database, and mend it."`
	Archive    archiveCmd    `cmd:"" help:"Move what is over out of the database, into CSV files."`
	Backup     backupCmd     `cmd:"" help:"Copy an SQLite database to a file, while daemons serve."`
	Restore    restoreCmd    `cmd:"" help:"Put a backup in the place of an SQLite database."`
	Settings   configCmd     `cmd:"" name:"config" help:"Show what is in force for serve, and where it comes from."`
	Build      versionCmd    `cmd:"" name:"version" help:"Show what this program was built from."`

	Config  string           `placeholder:"FILE" help:"JSON file of the flags of serve: {\"workers\": 32}. Flags and variables win over it."`
	Version kong.VersionFlag `help:"Show the version."`
}

// A command does its work in Run. A signal cancels the context.
type command interface {
	Run(ctx context.Context, c stdio) error
}

// A stdio holds the streams and the environment of a command.
type stdio struct {
	in  io.Reader
	out io.Writer // the requested output
	err io.Writer // warnings, progress and errors
	env environment
}

// The exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// errInterrupted is the error of a command that a signal has interrupted.
var errInterrupted = errors.New("interrupted")

// usageError is an error in the arguments, the environment or the config file.
type usageError struct{ error }

// Unwrap returns the wrapped error.
func (e usageError) Unwrap() error { return e.error }

// oneLine formats an error as one line for a terminal. Joined errors are separated by semicolons. A
// [fs.PathError] becomes a sentence.
func oneLine(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if file, is := errors.AsType[*fs.PathError](err); is {
		action := file.Op
		if action == "stat" {
			action = "find"
		}
		text = strings.Replace(text, file.Error(), fmt.Sprintf("cannot %s %s: %v", action, file.Path, file.Err), 1)
	}
	return printable(text)
}

// run executes one command line and returns the exit status. environ has the format of [os.Environ].
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := stdio{in: stdin, out: stdout, err: stderr, env: parseEnviron(environ)}
	cmd, err := parse(args, c)
	if err == nil && cmd != nil {
		c.warnOfVariables(cmd)
		err = runToHangup(ctx, cmd, c)
	}
	if err == nil {
		return exitDone
	}
	_, _ = fmt.Fprintf(stderr, "keyseatd: %s\n", oneLine(err)) // the exit status reports the failure too
	if usage := (usageError{}); errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}
