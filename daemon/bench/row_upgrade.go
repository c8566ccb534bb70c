package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
)

// newUpgradeSetup makes a setup whose daemons accept upgrades, but finish no task, because the provider never answers.
func (b *bench) newUpgradeSetup(ctx context.Context) *setup {
	return b.newSetup(ctx, acceptOnly((&provider{silent: true}).start(ctx))...)
}

// upgradeSetups are the databases of the programs whose upgrades are compared. Each database has only the indexes that
// its program needs. Each measurement first fills its database with unused keys.
type upgradeSetups struct{ ours, bare, first *setup }

func (b *bench) newUpgradeSetups(ctx context.Context) upgradeSetups {
	s := upgradeSetups{b.newUpgradeSetup(ctx), b.newSetup(ctx), &setup{bench: b, url: b.createDatabase(ctx)}}
	check(execute(ctx, s.bare.url, dropIndexesSQL))
	check(execute(ctx, s.first.url, append(firstTables, insertTable)...))
	return s
}

// dropIndexesSQL drops the indexes that only keyseat's lists, search and commands need.
const dropIndexesSQL = `DO $$ DECLARE i record; BEGIN
	FOR i IN SELECT indexname FROM pg_indexes WHERE tablename LIKE 'keyseat_%'
			AND indexname NOT IN ('keyseat_tasks_open', 'keyseat_tasks_due', 'keyseat_plans_live')
			AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname) LOOP
		EXECUTE 'DROP INDEX ' || i.indexname;
	END LOOP;
END $$`

// candidates returns candidates for keyseatd, the bare peer, the first peer, and a program that does the least. On one
// connection this program is [peerInsert], which makes one COMMIT for each request. On several connections it is
// [peerConstant], because requests could share a COMMIT.
func (s upgradeSetups) candidates(conns int) []candidate {
	least := s.first.upgradeCandidate(s.first.peerStarter("insert"), conns, fillInsert, []string{"SELECT count(*) FROM accepted"})
	if conns > 1 {
		least = s.first.constantCandidate(conns)
	}
	return []candidate{
		s.ours.upgradeCandidate(s.ours.startOurs, conns, fillUnusedKeys, acceptedCounts),
		s.bare.upgradeCandidate(s.bare.peerStarter("bare-upgrade"), conns, fillUnusedKeys, acceptedCounts),
		s.first.upgradeCandidate(s.first.peerStarter("first"), conns, fillFirst, firstCounts),
		least,
	}
}

// acceptOnly returns the flags of a daemon that accepts tasks and finishes none, with the URL of a silent [provider].
func acceptOnly(provider string) []string {
	return []string{"--connector", provider, "--workers", "1", "--connector-timeout", "1h"}
}

// constantCandidate returns a candidate that measures upgrades of [peerConstant].
func (b *bench) constantCandidate(conns int) candidate {
	return func(ctx context.Context) sample {
		start := func(ctx context.Context) *server { return b.peer(ctx, "constant") }
		return b.measureOnce(ctx, start, load{conns, b.length, 0, upgradeRequests(maxRequests, appendCode)})
	}
}

// maxRequests is more upgrades than any program without a database answers in a measurement.
const maxRequests = 1_000_000_000

// maxUpgradeRate is more upgrades per second than any program with a database accepts. It determines how many unused keys are made.
const maxUpgradeRate = 20_000

// upgradeCandidate returns a candidate that measures upgrades of unused keys, which the function fill makes. Afterwards
// each of the queries counts must yield the number of accepted upgrades.
func (s *setup) upgradeCandidate(start starter, conns int, fill func(context.Context, string, int), counts []string) candidate {
	return func(ctx context.Context) sample {
		s.keys = int(maxUpgradeRate * (s.length + min(warmup, s.length)).Seconds())
		if conns == 1 {
			s.keys /= 5
		}
		fill(ctx, s.url, s.keys)
		got := s.measureOnce(ctx, start, load{conns, s.length, 0, upgradeRequests(s.keys, appendCode)})
		expectCounts(ctx, s.url, got.all, counts...)
		return got
	}
}

// acceptedCounts are queries for PostgreSQL and SQLite. Each must yield the number of accepted upgrades.
var acceptedCounts = []string{
	`SELECT count(*) FROM keyseat_tasks WHERE ended_at IS NULL AND slot = 'held' AND sealed IS NOT NULL`,
	`SELECT count(*) FROM keyseat_keys k JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id WHERE k.status = 'in_queue'`,
	`SELECT CAST(sum(held) AS bigint) FROM keyseat_plans`,
	`SELECT count(*) FROM keyseat_history WHERE cause = 'accepted' AND slot_to = 'held'`,
}

func rowUpgrade(ctx context.Context, b *bench) []result {
	s := b.newUpgradeSetups(ctx)
	got := b.alternate(ctx, append(s.candidates(highConcurrency), s.candidates(32)...)...)
	return []result{
		throughput("upgrade, 256 connections, compared with net/http + pgx with one statement", got[0], got[1], goal{min: 2, aim: 4}).within(got[3], got[1]),
		throughput("upgrade, 256 connections, compared with the program that one would write first", got[0], got[2], goal{min: 2.5}).within(got[3], got[2]),
		throughput("upgrade, 32 connections, compared with net/http + pgx with one statement", got[4], got[5], goal{}).within(got[7], got[5]),
		throughput("upgrade, 32 connections, compared with the program that one would write first", got[4], got[6], goal{}).within(got[7], got[6]),
	}
}

func rowUpgradeSingle(ctx context.Context, b *bench) []result {
	s := b.newUpgradeSetups(ctx)
	got := b.alternate(ctx, s.candidates(1)...)
	return []result{
		throughput("upgrade, 1 connection, compared with net/http + pgx with one statement", got[0], got[1], goal{min: 0.6, aim: 0.9}).within(got[3], got[1]),
		throughput("upgrade, 1 connection, compared with the program that one would write first", got[0], got[2], goal{min: 0.55}).within(got[3], got[2]),
	}
}

// maxSQLiteRate is more upgrades per second than any program accepts on SQLite.
const maxSQLiteRate = 8_000

// rowSQLite compares upgrades on SQLite. Each measurement uses a new copy of the same database file.
func rowSQLite(ctx context.Context, b *bench) []result {
	silent := (&provider{silent: true}).start(ctx)
	f := &sqliteFile{bench: b, path: b.path("template.db"), keys: int(maxSQLiteRate * (b.length + min(warmup, b.length)).Seconds())}
	f.fill(ctx)
	ours := func(ctx context.Context, path string) *server {
		return b.serve(ctx, "sqlite:"+path, acceptOnly(silent)...)
	}
	theirs := func(ctx context.Context, path string) *server { return b.peer(ctx, "bare-sqlite", path) }
	got := b.alternate(ctx, f.candidate(ours), f.candidate(theirs), b.constantCandidate(64))
	return []result{throughput("upgrade on SQLite, 64 connections, compared with one transaction each", got[0], got[1], goal{min: 3, aim: 5}).within(got[2], got[1])}
}

// A sqliteFile is an SQLite database with unused keys, of which each measurement uses a copy.
type sqliteFile struct {
	*bench
	path string
	keys int
}

// fill makes the database, its keys and its plans with the import commands of keyseatd.
func (f *sqliteFile) fill(ctx context.Context) {
	keys, plans := bytes.NewBufferString("code\n"), bytes.NewBufferString("id,country,address,slots\n")
	for i := range f.keys {
		fmt.Fprintln(keys, codeOf(i))
	}
	for i := range f.keys/slotsPerPlan + 1 {
		fmt.Fprintf(plans, "plan-%d,US,%d Main Street,%d\n", i, i, slotsPerPlan)
	}
	f.runKeyseatd(ctx, keys, "keys", "import", "-", "--database", "sqlite:"+f.path)
	f.runKeyseatd(ctx, plans, "plans", "import", "-", "--database", "sqlite:"+f.path)
}

// candidate returns a candidate that measures upgrades on a copy of the database, and then checks the rows in the copy.
func (f *sqliteFile) candidate(start func(ctx context.Context, path string) *server) candidate {
	return func(ctx context.Context) sample {
		path := f.bench.path("upgrades.db")
		check(os.WriteFile(path, must(os.ReadFile(f.path)), 0o600))
		got := f.measureOnce(ctx, func(ctx context.Context) *server { return start(ctx, path) },
			load{64, f.length, 0, upgradeRequests(f.keys, appendCode)})
		db := must(openFile(path))
		defer func() { _ = db.Close() }() // the database was only read
		compareCounts(got.all, acceptedCounts, func(sql string) (n int) {
			check(db.QueryRowContext(ctx, sql).Scan(&n))
			return n
		})
		return got
	}
}
