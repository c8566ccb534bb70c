package main

import (
	"io"
	"iter"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar shows on a terminal how much of size has been done; -1 if that is not known. It is nil where
// there is nobody to look at it.
func (c console) bar(what string, size int64, more ...progressbar.Option) *progressbar.ProgressBar {
	if f, ok := c.err.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return progressbar.NewOptions64(size, append(more,
		progressbar.OptionSetWriter(c.err),
		progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(20), // so that all of it fits into 80 columns
	)...)
}

// watched shows how many of size bytes have been read.
func (c console) watched(r io.ReadCloser, size int64) io.ReadCloser {
	bar := c.bar("reading", size, progressbar.OptionShowBytes(true))
	if bar == nil {
		return r
	}
	return watchedFile{io.TeeReader(r, bar), r, bar}
}

// A watchedFile is a file with a progress bar, which ends with it.
type watchedFile struct {
	io.Reader
	file io.Closer
	bar  *progressbar.ProgressBar
}

// Close closes the file and takes the bar away.
func (w watchedFile) Close() error {
	_ = w.bar.Clear() // a bar that cannot be drawn is no fault of the import
	return w.file.Close()
}

// counting shows how many rows have passed, unless they go to the same terminal; done takes it away.
func counting[T any](c console, what string, rows iter.Seq2[T, error]) (counted iter.Seq2[T, error], done func()) {
	bar := c.bar(what, -1, progressbar.OptionShowCount(), progressbar.OptionShowIts())
	if bar == nil || terminalWidth(c.out) > 0 {
		return rows, func() {}
	}
	counted = mapped(rows, func(row T) T {
		_ = bar.Add(1) // as above
		return row
	})
	return counted, func() { _ = bar.Clear() }
}
