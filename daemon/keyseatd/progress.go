package main

import (
	"io"
	"iter"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar returns a progress bar on standard error, or nil if standard error is not a terminal. size is the
// total, or -1 if it is unknown.
func (c stdio) bar(what string, size int64, more ...progressbar.Option) *progressbar.ProgressBar {
	if f, ok := c.err.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return progressbar.NewOptions64(size, append(more,
		progressbar.OptionSetWriter(c.err),
		progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(20), // the whole bar fits into 80 columns
	)...)
}

// withProgress shows how many of size bytes have been read.
func (c stdio) withProgress(r io.ReadCloser, size int64) io.ReadCloser {
	bar := c.bar("reading", size, progressbar.OptionShowBytes(true))
	if bar == nil {
		return r
	}
	return progressFile{io.TeeReader(r, bar), r, bar}
}

// A progressFile is a file with a progress bar.
type progressFile struct {
	io.Reader
	file io.Closer
	bar  *progressbar.ProgressBar
}

// Close closes the file and removes the bar.
func (w progressFile) Close() error {
	_ = w.bar.Clear() // a bar that cannot be drawn does not stop the import
	return w.file.Close()
}

// countRows shows the number of rows that have passed. It shows nothing if the rows go to a terminal. done
// removes the bar.
func countRows[T any](c stdio, what string, rows iter.Seq2[T, error]) (counted iter.Seq2[T, error], done func()) {
	bar := c.bar(what, -1, progressbar.OptionShowCount(), progressbar.OptionShowIts())
	if bar == nil || terminalWidth(c.out) > 0 {
		return rows, func() {}
	}
	counted = mapped(rows, func(row T) T {
		_ = bar.Add(1) // a bar that cannot be drawn does not stop the command
		return row
	})
	return counted, func() { _ = bar.Clear() }
}
