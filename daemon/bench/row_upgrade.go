package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
)

// upgradeStage makes a stage for upgrades. Each measurement fills it with unused keys. Only acceptance is
// measured, because the connector never answers and the daemon has one worker.
func (b *bench) upgradeStage(ctx context.Context) (*stage, func(), error) {
	url, drop, err := b.database(ctx)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	end := func() { cancel(); drop() }
	s := &stage{bench: b, url: url}
	silent, err := newProvider(ctx, true)
	if err == nil {
		go silent.run()
		s.flag, err = b.connected(ctx, silent.url())
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	s.flag = append(s.flag, "--workers", "1", "--connector-timeout", "1h")
	return s, end, nil
}

// fastest is more upgrades per second than any side reaches. It determines the number of keys.
const fastest = 20_000

// upgraded returns a side that starts with unused keys, and counts the accepted tasks at the end.
func (s *stage) upgraded(start starter, conns int) side {
	return func(ctx context.Context) (sample, error) {
		s.keys = int(fastest * (s.length + min(warmth, s.length)).Seconds())
		if conns == 1 {
			s.keys /= 5
		}
		if err := freshKeys(ctx, s.url, s.keys); err != nil {
			return sample{}, err
		}
		askers := upgrades(s.keys)
		got, all, err := s.once(ctx, start, load{conns, s.length, 0, askers})
		if err != nil {
			return sample{}, err
		}
		return got, s.count(ctx, all)
	}
}

// accepted are queries, for every table, that must all return the number of accepted upgrades.
var accepted = []string{
	`SELECT count(*) FROM keyseat_tasks WHERE ended_at IS NULL AND slot = 'held' AND sealed IS NOT NULL`,
	`SELECT count(*) FROM keyseat_keys k JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id WHERE k.status = 'in_queue'`,
	`SELECT sum(held)::bigint FROM keyseat_plans`,
	`SELECT count(*) FROM keyseat_history WHERE cause = 'accepted' AND slot_to = 'held'`,
}

// count returns an error unless the database has exactly want accepted upgrades.
func (s *stage) count(ctx context.Context, want int) error {
	for _, sql := range accepted {
		if err := holds(ctx, s.url, sql, want); err != nil {
			return err
		}
	}
	return nil
}

func rowUpgrade(ctx context.Context, b *bench) ([]result, error) {
	s, drop, err := b.upgradeStage(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	bare := s.beside("bare-upgrade")
	got, err := b.alternate(ctx, s.upgraded(s.ours, crowd), s.upgraded(bare, crowd), s.upgraded(s.ours, 32), s.upgraded(bare, 32))
	if err != nil {
		return nil, err
	}
	return []result{
		throughput("upgrade, 256 connections, beside net/http + pgx with one statement", got[0], got[1], goal{least: 2, aim: 4}),
		throughput("upgrade, 32 connections, beside the same", got[2], got[3], goal{}),
	}, nil
}

func rowUpgradeAlone(ctx context.Context, b *bench) ([]result, error) {
	s, drop, err := b.upgradeStage(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	got, err := b.alternate(ctx, s.upgraded(s.ours, 1), s.upgraded(s.beside("bare-upgrade"), 1))
	if err != nil {
		return nil, err
	}
	return []result{throughput("upgrade, 1 connection, beside net/http + pgx with one statement", got[0], got[1], goal{least: 0.6, aim: 0.9})}, nil
}

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
