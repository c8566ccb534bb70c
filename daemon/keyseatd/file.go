package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// open opens a file to import; - is standard input. Where standard error is a terminal, it shows how
// far the file has been read.
func (c console) open(path string) (io.ReadCloser, error) {
	if path == "-" {
		return c.watched(io.NopCloser(c.in), -1), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return c.watched(f, info.Size()), nil
}

// watched shows on a terminal how many of size bytes have been read; -1 if they are not known.
func (c console) watched(r io.ReadCloser, size int64) io.ReadCloser {
	if f, ok := c.err.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return r
	}
	bar := progressbar.NewOptions64(
		size,
		progressbar.OptionSetWriter(c.err),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetDescription("reading"),
		progressbar.OptionThrottle(100*time.Millisecond),
	)
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
