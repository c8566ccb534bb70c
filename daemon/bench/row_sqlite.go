package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
)

// fastestFile is more upgrades per second than any side reaches on a file.
const fastestFile = 8_000

// rowSQLite compares upgrades on SQLite. Each measurement gets a copy of one file.
func rowSQLite(ctx context.Context, b *bench) ([]result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silent, err := newProvider(ctx, true)
	if err != nil {
		return nil, err
	}
	go silent.run()
	f := &file{bench: b, path: b.path("template.db"), keys: int(fastestFile * (b.length + min(warmth, b.length)).Seconds())}
	if err := f.fill(ctx); err != nil {
		return nil, err
	}
	ours := func(ctx context.Context, path string) (*server, error) {
		return b.serve(ctx, "sqlite:"+path, "--connector", silent.url(), "--workers", "1", "--connector-timeout", "1h")
	}
	theirs := func(ctx context.Context, path string) (*server, error) { return b.peer(ctx, "bare-sqlite", path) }
	got, err := b.alternate(ctx, f.upgraded(ours), f.upgraded(theirs))
	if err != nil {
		return nil, err
	}
	return []result{throughput("upgrade on SQLite, 64 connections, beside one transaction each", got[0], got[1], goal{least: 3, aim: 5})}, nil
}

// A file is a database that is copied.
type file struct {
	*bench
	path string
	keys int
}

// fill makes the database with keyseatd's import commands.
func (f *file) fill(ctx context.Context) error {
	keys, plans := bytes.NewBufferString("code\n"), bytes.NewBufferString("id,country,address,slots\n")
	for i := range f.keys {
		fmt.Fprintln(keys, codeOf(i))
	}
	for i := range f.keys/slotsOf + 1 {
		fmt.Fprintf(plans, "plan-%d,US,%d Main Street,%d\n", i, i, slotsOf)
	}
	if err := f.command(ctx, keys, "keys", "import", "-", "--database", "sqlite:"+f.path); err != nil {
		return err
	}
	return f.command(ctx, plans, "plans", "import", "-", "--database", "sqlite:"+f.path)
}

// upgraded returns a side that works on a copy of the file, and counts the accepted upgrades in it at the end.
func (f *file) upgraded(start func(ctx context.Context, path string) (*server, error)) side {
	return func(ctx context.Context) (sample, error) {
		path := f.bench.path("upgrades.db")
		template, err := os.ReadFile(f.path)
		if err != nil {
			return sample{}, err
		}
		if err := os.WriteFile(path, template, 0o600); err != nil {
			return sample{}, err
		}
		got, all, err := f.once(ctx, func(ctx context.Context) (*server, error) { return start(ctx, path) },
			load{64, f.length, 0, upgrades(f.keys)})
		if err != nil {
			return sample{}, err
		}
		return got, countFile(ctx, path, all)
	}
}

// acceptedInFile are queries that must all return the number of accepted upgrades.
var acceptedInFile = []string{
	`SELECT count(*) FROM keyseat_tasks WHERE ended_at IS NULL AND slot = 'held' AND sealed IS NOT NULL`,
	`SELECT count(*) FROM keyseat_keys k JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id WHERE k.status = 'in_queue'`,
	`SELECT sum(held) FROM keyseat_plans`,
	`SELECT count(*) FROM keyseat_history WHERE cause = 'accepted' AND slot_to = 'held'`,
}

func countFile(ctx context.Context, path string, want int) error {
	db, err := openFile(path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it was only read
	for _, query := range acceptedInFile {
		if err := countRows(ctx, db, query, want); err != nil {
			return err
		}
	}
	return nil
}

func countRows(ctx context.Context, db *sql.DB, query string, want int) error {
	var n int
	if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return err
	}
	if n != want {
		return fmt.Errorf("%w: there should be %d, but %d are what this finds: %s", errWrong, want, n, query)
	}
	return nil
}
