package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// rowMemory reads the resident memory of keyseatd: when it is idle after its start, and the maximum under load. The
// load is upgrade, stock and info, one after another over 256 connections, while workers carry out the tasks.
func rowMemory(ctx context.Context, b *bench) []result {
	s := b.newUpgradeSetup(ctx)
	n := int(maxUpgradeRate * b.length.Seconds())
	fillUnusedKeys(ctx, s.url, n)
	responsive := new(provider).start(ctx)
	server := s.serve(ctx, "--connector", responsive)
	defer server.kill()
	time.Sleep(2 * time.Second) // until the daemon is idle
	idle := server.residentMemory("VmRSS:")
	for _, next := range []generator{upgradeRequests(n, appendCode), stockRequests("["), anyInfoRequests(n)} {
		if _, err := (load{highConcurrency, b.length, 0, next}).on(ctx, server.addr); err != nil {
			check(fmt.Errorf("%w: %s", err, server.logTail()))
		}
	}
	busy := server.residentMemory("VmHWM:")
	return []result{memoryResult("idle", idle, 48), memoryResult("at most, under upgrade, stock and info, 256 connections", busy, 128)}
}

// residentMemory returns a value of /proc/PID/status about the memory of the process, in MiB.
func (p *process) residentMemory(name string) float64 {
	kib, _, _ := strings.Cut(fileField(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid), name), " ")
	n, err := strconv.Atoi(kib)
	if err != nil {
		check(fmt.Errorf("the memory of a process is known on Linux only: %w", err))
	}
	return float64(n) / 1024
}

func memoryResult(when string, mib, most float64) result {
	return result{
		what: "resident memory of keyseatd, " + when, ours: fmt.Sprintf("%.1f MiB", mib), value: fmt.Sprintf("%.1f MiB", mib),
		target: fmt.Sprintf("≤ %.0f MiB", most), met: mib <= most,
	}
}

// startsPerRound is the number of measured starts per round.
const startsPerRound = 5

// rowStart measures the time from the start of a daemon until it is ready. The database file does not exist before the
// start, so the daemon also makes the tables and the master key.
func rowStart(ctx context.Context, b *bench) []result {
	var all []time.Duration
	for range startsPerRound * b.rounds {
		all = append(all, b.measureStart(ctx))
	}
	s := series{newSample([][]time.Duration{all}, time.Second)}
	return []result{atMost("start to ready on SQLite, without a file", s.latencyText(), s[0].p50, 150*time.Millisecond)}
}

// measureStart measures one start of a daemon on a new SQLite file.
func (b *bench) measureStart(ctx context.Context) time.Duration {
	path := b.path("empty.db")
	start := time.Now()
	s := b.serve(ctx, "sqlite:"+path, "--connector", "sim")
	defer s.kill()
	return time.Since(start)
}

// rowImport compares a run of keyseatd keys import with COPY of the same rows, which are keys and a history entry for
// each.
func rowImport(ctx context.Context, b *bench) []result {
	s := b.newSetup(ctx)
	s.keys = b.size(1_000_000)
	i := &importSetup{setup: s}
	i.writeFiles()
	got := b.alternate(ctx, i.candidate(i.runImport), i.candidate(i.copyRows))
	return []result{throughput(fmt.Sprintf("import of %d keys, compared with COPY of keys and history", i.keys), got[0], got[1], goal{min: 0.6})}
}

// An importSetup is a setup with files of the keys to import: CSV for keyseatd, and rows of two tables for COPY.
type importSetup struct {
	*setup
	csv, rows, history string
}

func (i *importSetup) writeFiles() {
	i.csv, i.rows, i.history = i.path("keys.csv"), i.path("rows.copy"), i.path("history.copy")
	writeLines(i.csv, "code,order_id,purchase_date\n", i.keys, "%s,order-%d,2026-01-02T03:04:05Z\n")
	writeLines(i.rows, "", i.keys, "%s,1,active,f,f,\"\",\"\",\"\",\"\",\"\",order-%d,2026-01-02 03:04:05Z,,\"\",batch\n")
	writeLines(i.history, "", i.keys, "%s,batch,0,2026-01-02 03:04:05.%dZ,imported,\"\",\"\",\"\",\"\",\"\",\"\",\"\"\n")
}

// writeLines writes a file with a head, and a line for each of n keys. The format is for the code and a small number.
func writeLines(path, head string, n int, format string) {
	f := must(os.Create(path))
	defer func() { _ = f.Close() }() // out.Flush returns the error of a write
	out := bufio.NewWriter(f)
	_, _ = out.WriteString(head) // out.Flush returns the error
	for k := range n {
		_, _ = fmt.Fprintf(out, format, codeOf(k), k%1000)
	}
	check(out.Flush())
}

// candidate returns a candidate that measures an import into empty tables with do. Afterwards it checks the numbers of
// rows.
func (i *importSetup) candidate(do func(ctx context.Context)) candidate {
	return func(ctx context.Context) sample {
		check(execute(ctx, i.url, truncateSQL, "CHECKPOINT"))
		start := time.Now()
		do(ctx)
		took := time.Since(start)
		expectCounts(ctx, i.url, i.keys, "SELECT count(*) FROM keyseat_keys", "SELECT count(*) FROM keyseat_history")
		return sample{n: i.keys, rate: float64(i.keys) / took.Seconds()}
	}
}

// runImport imports the CSV file with keyseatd.
func (i *importSetup) runImport(ctx context.Context) {
	i.runKeyseatd(ctx, nil, "keys", "import", i.csv, "--database", i.url)
}

// copyRows imports the rows of both tables with COPY, in one transaction.
func (i *importSetup) copyRows(ctx context.Context) {
	check(withConn(ctx, i.url, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(pgx.Tx) error {
			err := copyFile(ctx, conn, i.rows, `COPY keyseat_keys (code, version, status, used, revoked, message, username,
				verify_address, invite, address, order_id, purchase_date, used_date, task_id, batch_id) FROM STDIN (FORMAT csv)`)
			if err != nil {
				return err
			}
			return copyFile(ctx, conn, i.history, `COPY keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome,
				plan_id, slot_from, slot_to, note) FROM STDIN (FORMAT csv)`)
		})
	}))
}

func copyFile(ctx context.Context, conn *pgx.Conn, path, sql string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // the file was only read
	_, err = conn.PgConn().CopyFrom(ctx, f, sql)
	return err
}
