package terminal

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// A Bar shows the progress of a command. A nil Bar shows nothing. A bar that cannot be drawn does not stop
// the command, so its errors are ignored.
type Bar struct{ bar *progressbar.ProgressBar }

// NewRowBar returns a bar that counts rows on w. It returns nil if w is not a terminal.
func NewRowBar(w io.Writer, what string) *Bar {
	return newBar(w, what, -1, progressbar.OptionShowCount(), progressbar.OptionShowIts())
}

// NewByteBar returns a bar that counts up to size bytes on w. A size of -1 means unknown. It returns nil if w
// is not a terminal.
func NewByteBar(w io.Writer, what string, size int64) *Bar {
	return newBar(w, what, size, progressbar.OptionShowBytes(true))
}

func newBar(w io.Writer, what string, size int64, more ...progressbar.Option) *Bar {
	if _, is := terminalFD(w); !is {
		return nil
	}
	return &Bar{progressbar.NewOptions64(size, append(more,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(20), // the whole bar fits into 80 columns
	)...)}
}

// Add adds n to the count.
func (b *Bar) Add(n int) {
	if b != nil {
		_ = b.bar.Add(n)
	}
}

// Set shows n of size.
func (b *Bar) Set(n, size int64) {
	if b != nil {
		b.bar.ChangeMax64(size)
		_ = b.bar.Set64(n)
	}
}

// Write adds the bytes of p, as the destination of an [io.TeeReader]. It never fails.
func (b *Bar) Write(p []byte) (int, error) {
	b.Add(len(p))
	return len(p), nil
}

// Clear removes the bar from the terminal.
func (b *Bar) Clear() {
	if b != nil {
		_ = b.bar.Clear()
	}
}
