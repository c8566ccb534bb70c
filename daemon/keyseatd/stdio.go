package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/keyseat/keyseat/daemon/terminal"
)

// A stdio holds the streams and the environment of a command.
type stdio struct {
	in  io.Reader
	out io.Writer // the requested output
	err io.Writer // warnings, progress and errors
	env environment
}

// open opens a file to import; - is standard input. If standard error is a terminal, it shows the progress
// of reading. When ctx ends, reading standard input stops, even if no input arrives.
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
	return c.withProgress(f, info.Size()), nil
}

// withProgress shows how many of size bytes have been read.
func (c stdio) withProgress(file io.ReadCloser, size int64) io.ReadCloser {
	bar := terminal.NewByteBar(c.err, "reading", size)
	return progressFile{io.TeeReader(file, bar), file, bar}
}

// A progressFile is a file with a progress bar.
type progressFile struct {
	io.Reader
	file io.Closer
	bar  *terminal.Bar
}

// Close closes the file and removes the bar.
func (f progressFile) Close() error {
	f.bar.Clear()
	return f.file.Close()
}

// interruptible returns a reader of r that fails when ctx ends. Standard input needs it, because a blocked
// read of a terminal cannot be cancelled.
func interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = in.CloseWithError(ctx.Err()) }) // always nil
	go func() {
		_, err := io.Copy(in, r)
		_ = in.CloseWithError(err) // always nil
		stop()
	}()
	return out
}

// printStored prints the result of a change that is already stored. If printing fails, the error
// describes the stored change. It also names a command that shows or reverses the change.
func (c stdio) printStored(stored, remedy string, output func(w io.Writer) error) error {
	ignoreSIGPIPE()
	if err := output(c.out); err != nil {
		return fmt.Errorf("cannot write the output (%w), but %s: %s", err, stored, remedy)
	}
	return nil
}

// hint prints what a person should do next. It prints nothing if standard error is not a terminal.
func (c stdio) hint(text string) {
	if terminal.Width(c.err) > 0 {
		_, _ = fmt.Fprintln(c.err, text) // the command has worked nevertheless
	}
}

// ignoreSIGPIPE makes a write to a closed pipe return an error. Otherwise SIGPIPE would end the process
// without a message.
func ignoreSIGPIPE() { signal.Ignore(syscall.SIGPIPE) }

// done prints one line about the stored change.
func (c stdio) done(stored, remedy string) error {
	return c.printStored(stored, remedy, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, stored)
		return err
	})
}

// Hints for an error after a stored change: the command that shows it.
const (
	hintKey       = "`keyseatd keys show` shows the key"
	hintPlans     = "`keyseatd plans list` shows the plans"
	hintTask      = "`keyseatd tasks list` shows the task"
	hintEndpoints = "`keyseatd webhooks list` shows the endpoints"
)
