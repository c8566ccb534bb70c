package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
)

// open opens a file to import; - is standard input. Where standard error is a terminal, it shows how
// far the file has been read. Reading ends with ctx, even if nobody is typing.
func (c console) open(ctx context.Context, path string) (io.ReadCloser, error) {
	if path == "-" {
		return c.watched(interruptible(ctx, c.in), -1), nil
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
	return c.watched(f, info.Size()), nil
}

// interruptible reads what nobody can close: the standard input waits for a person.
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
