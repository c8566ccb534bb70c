package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// rowImport compares a whole run of keyseatd keys import with COPY. The copied files contain the same rows:
// keys, and a history entry for each.
func rowImport(ctx context.Context, b *bench) ([]result, error) {
	i := &importSetup{bench: b, keys: b.size(1_000_000)}
	url, drop, err := b.createMigrated(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	i.url = url
	if err := i.writeFiles(); err != nil {
		return nil, err
	}
	got, err := b.alternate(ctx, i.candidate(i.runImport), i.candidate(i.copyRows))
	if err != nil {
		return nil, err
	}
	return []result{throughput(fmt.Sprintf("import of %d keys, compared with COPY of keys and history", i.keys), got[0], got[1], goal{min: 0.6})}, nil
}

// An importSetup is one set of keys, in three files.
type importSetup struct {
	*bench
	url                string
	keys               int
	csv, rows, history string
}

func (i *importSetup) writeFiles() (err error) {
	i.csv, i.rows, i.history = i.path("keys.csv"), i.path("rows.copy"), i.path("history.copy")
	if err := writeLines(i.csv, "code,order_id,purchase_date\n", i.keys, "%s,order-%d,2026-01-02T03:04:05Z\n"); err != nil {
		return err
	}
	if err := writeLines(i.rows, "", i.keys, "%s,1,active,f,f,\"\",\"\",\"\",\"\",\"\",order-%d,2026-01-02 03:04:05Z,,\"\",batch\n"); err != nil {
		return err
	}
	return writeLines(i.history, "", i.keys, "%s,batch,0,2026-01-02 03:04:05.%dZ,imported,\"\",\"\",\"\",\"\",\"\",\"\",\"\"\n")
}

// writeLines writes a file with one line per key.
func writeLines(path, head string, n int, format string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // Flush returns the error
	out := bufio.NewWriter(f)
	_, _ = out.WriteString(head) // Flush returns the error
	for k := range n {
		_, _ = fmt.Fprintf(out, format, codeOf(k), k%1000)
	}
	return out.Flush()
}

// candidate returns a candidate that fills empty tables, and counts their rows at the end.
func (i *importSetup) candidate(do func(ctx context.Context) error) candidate {
	return func(ctx context.Context) (sample, error) {
		if err := execute(ctx, i.url, truncateSQL, "CHECKPOINT"); err != nil {
			return sample{}, err
		}
		start := time.Now()
		if err := do(ctx); err != nil {
			return sample{}, err
		}
		took := time.Since(start)
		for _, table := range []string{"keyseat_keys", "keyseat_history"} {
			if err := expectCount(ctx, i.url, "SELECT count(*) FROM "+table, i.keys); err != nil {
				return sample{}, err
			}
		}
		return sample{n: i.keys, rate: float64(i.keys) / took.Seconds()}, nil
	}
}

// runImport imports the CSV file with keyseatd.
func (i *importSetup) runImport(ctx context.Context) error {
	return i.runKeyseatd(ctx, nil, "keys", "import", i.csv, "--database", i.url)
}

// copyRows imports both files with COPY, in one transaction.
func (i *importSetup) copyRows(ctx context.Context) error {
	return withConn(ctx, i.url, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(pgx.Tx) error {
			err := copyFile(ctx, conn, i.rows, `COPY keyseat_keys (code, version, status, used, revoked, message, username,
				verify_address, invite, address, order_id, purchase_date, used_date, task_id, batch_id) FROM STDIN (FORMAT csv)`)
			if err != nil {
				return err
			}
			return copyFile(ctx, conn, i.history, `COPY keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome,
				plan_id, slot_from, slot_to, note) FROM STDIN (FORMAT csv)`)
		})
	})
}

func copyFile(ctx context.Context, conn *pgx.Conn, path, sql string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	_, err = conn.PgConn().CopyFrom(ctx, f, sql)
	return err
}
