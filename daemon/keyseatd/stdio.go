package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"syscall"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"

	"github.com/keyseat/keyseat/daemon/auditlog"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/tasks/activity"
)

// A stdio holds the streams and the environment of a command.
type stdio struct {
	in  io.Reader
	out io.Writer // the requested output
	err io.Writer // warnings, progress and errors
	env environment
}

// open opens a file to import. The path - stands for standard input. If standard error is a terminal, it shows the progress
// of reading. When ctx ends, a read of standard input or of a pipe fails, even if no input arrives.
func (c stdio) open(ctx context.Context, path string) (io.ReadCloser, error) {
	if path == "-" {
		return c.withProgress(interruptible(ctx, c.in), -1), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("is a directory")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if !info.Mode().IsRegular() {
		return c.withProgress(interruptible(ctx, f), -1), nil
	}
	return c.withProgress(f, info.Size()), nil
}

// withProgress returns a file that shows how many of its bytes have been read. A size of -1 means that the size is unknown.
func (c stdio) withProgress(file io.ReadCloser, size int64) io.ReadCloser {
	bar := terminal.NewByteBar(c.err, "reading", size)
	return progressFile{io.TeeReader(file, bar), file, bar}
}

type progressFile struct {
	io.Reader
	file io.Closer
	bar  *terminal.Bar
}

func (f progressFile) Close() error {
	f.bar.Clear()
	return f.file.Close()
}

// interruptible returns a reader of r whose reads fail when ctx ends. It is for standard input and for pipes, because a
// blocked read of them cannot be cancelled.
func interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = in.CloseWithError(ctx.Err()) }) // CloseWithError always returns nil
	go func() {
		_, err := io.Copy(in, r)
		_ = in.CloseWithError(err) // CloseWithError always returns nil
		stop()
	}()
	return out
}

// printStored prints the result of a change that is already stored. If printing fails, the error
// describes the stored change. It also names a command that shows or reverses the change.
func (c stdio) printStored(stored, remedy string, lines ...string) error {
	ignoreSIGPIPE()
	out := bufio.NewWriter(c.out)
	for _, line := range lines {
		_, _ = fmt.Fprintln(out, line) // Flush returns the error
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("cannot write the output (%w), but %s: %s", err, stored, remedy)
	}
	return nil
}

// hint prints what a person should do next. It prints nothing if standard error is not a terminal.
func (c stdio) hint(text string) {
	if terminal.Width(c.err) > 0 {
		_, _ = fmt.Fprintln(c.err, text) // a hint that cannot be written does not fail the command
	}
}

// ignoreSIGPIPE makes a write to a closed pipe return an error. Otherwise SIGPIPE would end the process
// without a message.
func ignoreSIGPIPE() { signal.Ignore(syscall.SIGPIPE) }

// done calls [stdio.printStored] with the text stored as the only line to print.
func (c stdio) done(stored, remedy string) error { return c.printStored(stored, remedy, stored) }

// Remedies for [stdio.printStored]. Each names the command that shows the stored change.
const (
	hintKey       = "`keyseatd keys show` shows the key"
	hintPlans     = "`keyseatd plans list` shows the plans"
	hintTask      = "`keyseatd tasks list` shows the task"
	hintEndpoints = "`keyseatd webhooks list` shows the endpoints"
)

// errInterrupted is the error of a command that a signal has interrupted.
var errInterrupted = errors.New("interrupted")

// usageError is an error in the arguments, the environment or the config file.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// An environment holds the environment variables of the process. A setting that the command line does not
// give takes the value of its variable. An unknown variable is not an error; it only causes a warning.
type environment map[string]string

func parseEnviron(environ []string) environment {
	env := environment{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env
}

// noStack is above every log level. It turns stack traces off, because errors are described in words and a
// stack trace does not help an operator.
const noStack = slog.Level(127)

// logFlags set the level and the format of the log.
type logFlags struct {
	LogLevel  string `default:"info" enum:"debug,info,warn,error" help:"Lowest level of logged lines: debug, info, warn or error."`
	LogFormat string `default:"console" enum:"console,json" help:"Format of the log: console or json."`
}

func (f logFlags) logger(to io.Writer) *slog.Logger {
	level, _ := zapcore.ParseLevel(f.LogLevel) // cannot fail: the flag has been validated
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime = zapcore.RFC3339TimeEncoder
	config.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(config)
	if f.LogFormat == "console" {
		config.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(config)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(to)), level)
	return slog.New(zapslog.NewHandler(core, zapslog.AddStacktraceAt(noStack)))
}

// withName adds the name of a flag or a file to an error. It returns nil if err is nil.
func withName(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

const byteOrderMark = "\ufeff" // the character that some editors write at the start of a file

// actor returns the name of the person at the command line, for the history and the audit log.
func actor() string {
	name := fmt.Sprintf("uid %d", os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return name + "@" + hostname() + " (CLI)"
}

func actorNote() string { return "by " + actor() }

func hostname() string {
	host, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return host
}

// audit records an action in the audit log. It writes a line on standard error and, unless s is nil, an entry in s. The
// action has printed n codes or written them to a file, or has made n changes without a history that names the actor.
// If n is 0, audit records nothing. Only the entry has the attributes in more.
func (c stdio) audit(ctx context.Context, s activity.Store, action string, n int, more ...slog.Attr) {
	if n > 0 {
		log := c.auditLog(s)
		log.Lines = log.Errors
		log.Write(ctx, slog.LevelInfo, "command", auditAttrs(action, n), more...)
	}
}

// auditOutput records an action as [stdio.audit] does, for a command that only reads. If the entry cannot be stored,
// auditOutput logs no error, because the command may run on a standby, or with a database role that cannot write.
func (c stdio) auditOutput(ctx context.Context, s activity.Store, action string, n int) {
	if n > 0 {
		log := c.auditLog(s)
		log.Lines, log.Errors = log.Errors, nil
		log.Write(ctx, slog.LevelInfo, "command", auditAttrs(action, n))
	}
}

func auditAttrs(action string, n int) []slog.Attr {
	return []slog.Attr{slog.String("action", action), slog.String("actor", actor()), slog.Int("count", n)}
}

// record stores an entry of the audit log. It writes no line on standard error, because the history of the key names
// the actor.
func (c stdio) record(ctx context.Context, s activity.Store, action string, attrs ...slog.Attr) {
	c.auditLog(s).Write(ctx, slog.LevelInfo, "", append(attrs, slog.String("action", action), slog.String("actor", actor())))
}

// auditLog returns an audit log that writes no lines.
func (c stdio) auditLog(s activity.Store) auditlog.Log {
	log := logFlags{LogLevel: "info", LogFormat: "console"}.logger(c.err)
	return auditlog.Log{Entries: s, Errors: log, Limiter: new(loglimit.Limiter)}
}
