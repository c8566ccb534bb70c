package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A bench is what the rows share.
type bench struct {
	options
	folder     string // everything that is made is in here
	self       string // this program
	admin      string // URL of the server
	postmaster int    // its first process, if that is known
	stop       func() // stops the server
	made       int    // names of databases and files
}

// settings of the server beside durability: no checkpoint falls into one side's measurement alone, and
// the indexes of the biggest tables fit.
var settings = []string{
	"synchronous_commit=on", "shared_buffers=1GB", "max_wal_size=16GB", "checkpoint_timeout=1h", "maintenance_work_mem=512MB",
}

// growthSettings count what statements take, and keep the write-ahead log of filling small.
var growthSettings = []string{"shared_preload_libraries=pg_stat_statements", "max_wal_size=4GB"}

func newBench(ctx context.Context, o options) (b *bench, err error) {
	b = &bench{options: o}
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if b.folder, err = os.MkdirTemp("", "keyseat-bench-"); err != nil {
		return nil, err
	}
	all := slices.Concat(settings, o.settings)
	if o.growth > 0 {
		all = slices.Concat(settings, growthSettings, o.settings)
	}
	b.admin, b.stop, err = pgtest.Launch(pgtest.Options{Durable: true, Config: all}) //nolint:contextcheck // it bounds itself
	if err == nil {
		b.postmaster, err = postmasterOf(ctx, b.admin)
	}
	if err == nil && b.keyseatd == "" {
		b.keyseatd, err = b.build(ctx)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() {
	if b.stop != nil {
		b.stop()
	}
	if err := os.RemoveAll(b.folder); err != nil {
		b.say("%v", err)
	}
}

// build builds keyseatd from the checkout that this program belongs to, with the dependencies that
// keyseat itself names: here there are others beside them.
func (b *bench) build(ctx context.Context) (string, error) {
	checkout, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/keyseat/keyseat").Output()
	if err != nil {
		return "", fmt.Errorf("find the checkout (run this as go -C daemon/bench run .): %w", err)
	}
	root, program := strings.TrimSpace(string(checkout)), filepath.Join(b.folder, "keyseatd")
	args := []string{"build", "-C", root, "-o", program}
	if b.profile != "" {
		overlay, err := b.overlay(root)
		if err != nil {
			return "", err
		}
		args = append(args, "-overlay", overlay)
	}
	out, err := exec.CommandContext(ctx, "go", append(args, "./daemon/keyseatd")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build keyseatd: %w: %s", err, out)
	}
	return program, nil
}

// say tells the person who waits; the table alone goes to standard output.
func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stderr, format+"\n", args...) // nobody reads it, then
}

// path is that of a new file.
func (b *bench) path(name string) string {
	b.made++
	return filepath.Join(b.folder, fmt.Sprintf("%d-%s", b.made, name))
}

var errWrong = errors.New("a wrong answer")
