// Command keyseatd serves keyseat's API and is the tool for its operators.
//
// Each command is a type: keysImport is the command "keyseatd keys import". The fields of the type are the flags, and
// its method Run does the work. Related commands share a file. [commands] lists all commands, and help.txt has their
// long help. The error of Run determines the exit status, and its text is the one line on standard error.
//
// The package makes no decisions about keys and tasks. A command opens the store, calls the package that does the work,
// and prints the result.
//
// Everything that a command needs from the process is a parameter of [run]. Only main reads the process's
// arguments, environment and streams.
//
//	arguments ┐
//	KEYSEAT_… ┤
//	--config  ┴─▶ kong ─▶ a command's fields ─▶ checkFields ─▶ Run(ctx, stdio) ─▶ 0
//	                │                               │           │
//	                └────────▶ usageError ◀─────────┘           └▶ error ─▶ 1
//	                              └▶ 2
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/keyseat/keyseat/daemon/terminal"
)

func main() {
	log.SetOutput(io.Discard) // net/http writes the text of a broken response there, which may repeat the secrets of its request
	if err := protectMemory(); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "keyseatd: warning: a core dump of this process may contain secrets: %v\n", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the process immediately, because a person is waiting. A second SIGTERM changes nothing.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) })
	status := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// oneLine formats an error as one line for a terminal. Joined errors are separated by semicolons. A [fs.PathError] is
// formatted as "cannot open FILE: reason".
func oneLine(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if file, is := errors.AsType[*fs.PathError](err); is {
		action := file.Op
		if action == "stat" {
			action = "find"
		}
		text = strings.Replace(text, file.Error(), fmt.Sprintf("cannot %s %s: %v", action, file.Path, file.Err), 1)
	}
	return terminal.Printable(text)
}

// run executes one command line and returns the exit status. The argument environ has the format of [os.Environ].
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

// runToHangup runs a command. When the terminal closes (SIGHUP), the command ends as with Ctrl-C, unless nohup started
// it. The command serve is the exception, because SIGHUP makes it read its files again.
func runToHangup(ctx context.Context, cmd command, c stdio) error {
	if _, is := cmd.(*serveCmd); !is && !signal.Ignored(syscall.SIGHUP) {
		var stop func()
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	err := cmd.Run(ctx, c)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	return err
}

// warnOfVariables warns of each variable that looks like a setting but has no effect. It writes to the log
// if the command has one, else to standard error. The completion command gives no warning, because a shell
// runs it while a user types.
func (c stdio) warnOfVariables(cmd command) {
	if _, typing := cmd.(*completeCmd); typing {
		return
	}
	for _, text := range c.env.unknownVariables() {
		if logs, ok := cmd.(interface {
			logger(w io.Writer) *slog.Logger
		}); ok {
			logs.logger(c.err).Warn(text)
		} else {
			_, _ = fmt.Fprintf(c.err, "keyseatd: warning: %s\n", terminal.Printable(text)) // the command continues
		}
	}
}
