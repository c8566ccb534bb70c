// Command keyseatd serves keyseat's API and is the tool for its operators.
//
// Each command is a type. Its fields are the flags, and its method Run does the work. Related commands share
// a file. [commands] lists all commands. The error of Run determines the exit status, and its text is the one
// line on standard error.
//
// The package only wires: it opens the store, calls the package that does the work, and prints the result.
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
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/keyseat/keyseat/daemon/terminal"
)

func main() {
	if err := protectMemory(); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "keyseatd: warning: a core dump of this process may contain secrets: %v\n", err)
	}
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
	Serve      serveCmd      `cmd:"" help:"Serve the API and carry out its tasks."`
	Demo       demoCmd       `cmd:"" help:"Try everything in one process, with nothing to set up."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database's schema up to date."`
	MasterKey  masterKeyCmd  `cmd:"" help:"Manage the file of master keys."`
	AdminToken adminTokenCmd `cmd:"" help:"Manage the file of the admin API's tokens."`
	Keys       keysCmd       `cmd:"" help:"Generate, import, export and manage keys."`
	Plans      plansCmd      `cmd:"" help:"Import, list, retire and release plans."`
	Tasks      tasksCmd      `cmd:"" help:"List, retry and resolve tasks."`
	Activity   activityCmd   `cmd:"" help:"List the actions of operators: who did what, when and from where."`
	Find       findCmd       `cmd:"" help:"Find keys, orders, usernames, tasks and plans by a text."`
	Stock      stockCmd      `cmd:"" help:"Show the slots of each country."`
	Webhooks   webhooksCmd   `cmd:"" help:"List, replay and test webhooks."`
	Connector  connectorCmd  `cmd:"" help:"Test the service that carries out tasks."`
	Completion completionCmd `cmd:"" help:"Print the completion script of a shell."`
	Complete   completeCmd   `cmd:"" hidden:"" passthrough:"" help:"Complete a command line."`
	Man        manCmd        `cmd:"" hidden:"" help:"Print the manual page."`
	Check      checkCmd      `cmd:"" help:"Check whether a daemon would serve a request now."`
	Doctor     doctorCmd     `cmd:"" help:"Find and repair inconsistencies in the database."`
	Archive    archiveCmd    `cmd:"" help:"Move finished tasks and history out of the database, into CSV files."`
	Backup     backupCmd     `cmd:"" help:"Copy an SQLite database to a file, while daemons serve."`
	Restore    restoreCmd    `cmd:"" help:"Replace an SQLite database with a backup."`
	Settings   configCmd     `cmd:"" name:"config" help:"Show the settings of serve and the source of each."`
	Build      versionCmd    `cmd:"" name:"version" help:"Show the version, the sources and the toolchain of this program."`

	Config  string           `placeholder:"FILE" help:"JSON file of the flags of serve: {\"workers\": 32}. Flags and variables override it."`
	Version kong.VersionFlag `short:"v" help:"Show the version."`
}

// A command does its work in Run. A signal cancels the context.
type command interface {
	Run(ctx context.Context, c stdio) error
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
	return terminal.Printable(text)
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

// versionCmd is the command keyseatd version.
type versionCmd struct{ outputFlag }

// Help shows examples.
func (*versionCmd) Help() string {
	return examples("", "keyseatd version", "keyseatd version --output json")
}

// Run prints the version, the revision of the sources, the toolchain and the platform.
func (v *versionCmd) Run(_ context.Context, c stdio) error {
	b := newBuild()
	if v.Output == terminal.JSON {
		return terminal.PrintJSON(c.out, b)
	}
	_, err := fmt.Fprintf(c.out, "%s\nrevision  %s\nof        %s\nbuilt by  %s for %s\n", version(), b.Revision, b.Time, b.Go, b.Platform)
	return err
}

// version returns the program's name and the module's version, as the toolchain recorded it.
func version() string { return "keyseatd " + newBuild().Version }

// A build is the build information that the toolchain stores in the program.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // of the sources, with "+changes" for uncommitted changes
	Time     string `json:"time"`     // of the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newBuild() build {
	b := build{Version: "(devel)", Revision: "unknown", Time: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				b.Revision += "+changes"
			}
		}
	}
	return b
}
