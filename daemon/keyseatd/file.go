package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
)

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
