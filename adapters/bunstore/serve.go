package bunstore

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/sqlitefile"
	"github.com/keyseat/keyseat/keys"
)

// ErrAlreadyServed is the error of a process that wants to serve an SQLite file that another daemon serves.
var ErrAlreadyServed error = sqlitefile.ErrServed

// AcquireServeLock makes this process the server of an SQLite file until it calls release. A file has only one such
// process. If another process serves the file, the error is [ErrAlreadyServed]. AcquireServeLock also ends all leases
// of the previous process, so that this process can lease the tasks immediately.
//
// For a Postgres AcquireServeLock does nothing, because any number of processes may serve a Postgres.
func (s *Store) AcquireServeLock(ctx context.Context) (release func() error, err error) {
	if !s.isSQLite {
		return func() error { return nil }, nil
	}
	path, err := s.filePath(ctx)
	if err != nil {
		return nil, s.wrap("serve", err)
	}
	lock, err := sqlitefile.LockServing(ctx, path)
	if err != nil {
		return nil, s.wrap("serve", err)
	}
	if err := s.expireLeases(ctx); err != nil {
		_ = lock.Unlock() // the error of expireLeases is more important
		return nil, s.wrap("serve", err)
	}
	return lock.Unlock, nil
}

func (s *Store) expireLeases(ctx context.Context) error {
	_, err := s.execInTx(ctx, nil,
		`UPDATE keyseat_tasks SET leased_until = @now WHERE ended_at IS NULL AND leased_until IS NOT NULL`,
		`UPDATE keyseat_mail SET leased_until = @now WHERE leased_until IS NOT NULL`)
	return err
}

// FingerprintKey returns the key for fingerprints of codes. Every store on the database returns the same key: the first
// call stores its argument, and later calls ignore theirs.
//
// The key may be in the database, because a reader of the database has the codes anyway.
func (s *Store) FingerprintKey(ctx context.Context, fresh keys.FingerprintKey) (key keys.FingerprintKey, err error) {
	secret, err := s.reader().fingerprintSecret(ctx)
	if err == nil && secret == "" {
		err = s.transact(ctx, func(tx session) error {
			_, err := tx.exec(ctx, `INSERT INTO keyseat_fingerprint (one, secret) VALUES (true, @secret) ON CONFLICT (one) DO NOTHING`,
				query.Args{"secret": hex.EncodeToString(fresh[:])})
			if err == nil {
				secret, err = tx.fingerprintSecret(ctx)
			}
			return err
		})
	}
	if err == nil {
		_, err = hex.Decode(key[:], []byte(secret))
	}
	return key, s.wrap("fingerprint key", err)
}

func (s session) fingerprintSecret(ctx context.Context) (secret string, err error) {
	err = s.runOnce(ctx, `SELECT secret FROM keyseat_fingerprint`, nil, query.Into(&secret))
	return secret, err
}

// Ping returns an error if the database does not answer or does not accept writes.
func (s *Store) Ping(ctx context.Context) error {
	if s.isSQLite {
		return s.wrap("ping", s.pingSQLite(ctx))
	}
	var shut string
	err := s.read.DB.QueryRowContext(ctx, `SHOW transaction_read_only`).Scan(&shut)
	if err == nil && shut == "on" {
		err = dberr.Public("the server is read-only") // the server is a standby, or its settings forbid writes
	}
	return s.wrap("ping", err)
}

// pingSQLite returns an error in these cases:
//
//   - The file was moved, removed or replaced.
//   - The database does not answer.
//   - The last write has failed, and the cause remains: either a write that changes nothing fails too, or the disk is
//     full.
func (d *database) pingSQLite(ctx context.Context) error {
	file := d.disk.File.Load()
	if file != nil {
		if err := file.InPlace(); err != nil {
			return err
		}
	}
	if err := d.read.PingContext(ctx); err != nil {
		return err
	}
	failed := d.disk.Failed.Load()
	if failed == nil {
		return nil
	}
	if d.probeWrite(ctx) != nil || file != nil && file.HasRoom() != nil {
		return *failed
	}
	d.disk.Failed.CompareAndSwap(failed, nil)
	return nil
}

// probeWrite makes a write that changes nothing: it sets the user version of the file to its present value.
func (d *database) probeWrite(ctx context.Context) error {
	return d.transact(ctx, func(tx session) error {
		var version int
		err := tx.runOnce(ctx, "PRAGMA user_version", nil, query.Into(&version))
		if err != nil {
			return err
		}
		_, err = tx.on.ExecContext(ctx, "PRAGMA user_version = "+strconv.Itoa(version))
		return err
	})
}

// filePath returns the path of the SQLite file, or an error if the database is in memory or the file has hard links.
func (d *database) filePath(ctx context.Context) (path string, err error) {
	const own = `SELECT file FROM pragma_database_list WHERE name = 'main'`
	err = d.read.DB.QueryRowContext(ctx, own).Scan(&path)
	if err == nil && path == "" {
		err = dberr.Public("a database in memory has no file to lock")
	}
	if err != nil {
		return "", err
	}
	file, err := sqlitefile.Find(path)
	if err != nil {
		return "", err
	}
	d.disk.File.CompareAndSwap(nil, file) // a store of [New] has no path until now
	return file.Path, nil
}

// A Sealing is a record of the master key with which daemons encrypt. Each file of master keys has one record, for the
// daemons that use this file.
type Sealing struct {
	KeyFile string // the machine and the path of the file of master keys
	KeyID   string
	Left    time.Duration // the rest of the time for which the record is valid; negative: it has expired
}

// sealingKept is the time from the expiry of a record to its deletion. Until its deletion, an expired record shows
// which file daemons have used a short time ago.
const sealingKept = time.Hour

// RecordSealing records that the daemons with the given file of master keys encrypt with the given master key. The
// record is valid for ttl from now, and replaces the earlier record of the same file.
func (s *Store) RecordSealing(ctx context.Context, keyFile, keyID string, ttl time.Duration) error {
	_, err := s.execInTx(ctx, query.Args{"file": keyFile, "key": keyID, "ttl": ttl, "kept": sealingKept},
		`INSERT INTO keyseat_sealing (key_file, key_id, until) VALUES (@file, @key, @now + @ttl)
		 ON CONFLICT (key_file) DO UPDATE SET key_id = excluded.key_id, until = excluded.until`,
		`DELETE FROM keyseat_sealing WHERE until < @now - @kept`)
	return s.wrap("record the master key in use", err)
}

// Sealings returns the records of [Store.RecordSealing] that are valid, or have expired in the last hour.
func (s *Store) Sealings(ctx context.Context) (all []Sealing, err error) {
	type row struct {
		Sealing
		Until, Now time.Time
	}
	err = s.reader().runOnce(ctx, `SELECT key_file, key_id, 0, until, @now FROM keyseat_sealing WHERE until >= @now - @kept ORDER BY key_file`,
		query.Args{"kept": sealingKept}, query.Each(func(r row) {
			r.Left = r.Until.Sub(r.Now)
			all = append(all, r.Sealing)
		}))
	return all, s.wrap("list the master keys in use", err)
}

// A DurabilityRisk is a setting of the server with which it can lose confirmed writes.
type DurabilityRisk struct {
	Setting, Value string
	Means          string // an explanation for the operator
}

// The explanations of all risks.
const (
	noFsync       = "what was accepted, or the whole database, is lost when the machine crashes or its power fails: set it on"
	tornPages     = "a crash of the machine can leave pages half written, and the database damaged: set it on"
	noFlushWait   = "what was accepted in the last moments is lost when the server dies: set it on"
	noStandbyWait = "what was accepted in the last moments is lost in a failover, because no commit waits for a synchronous standby: set it on"
	noSyncStandby = "what was accepted in the last moments is lost in a failover, because no standby is synchronous: name one (Patroni's synchronous_mode does)"
)

// DurabilityRisks returns the settings with which the server can lose confirmed writes, or nil. It reads the settings
// that a session of the store has, from the server that accepts writes now. For SQLite it returns nil, because [Open]
// sets up each connection so that SQLite waits for the disk.
func (s *Store) DurabilityRisks(ctx context.Context) ([]DurabilityRisk, error) {
	if s.isSQLite {
		return nil, nil
	}
	type row struct{ Name, Setting string }
	set := map[string]string{}
	err := s.reader().runOnce(ctx, `SELECT name, setting FROM pg_settings
		WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names')`,
		nil, query.Each(func(r row) { set[r.Name] = r.Setting }))
	if err != nil {
		return nil, s.wrap("settings", err)
	}
	return durabilityRisks(set, s.multiHost), nil
}

// durabilityRisks returns the risks of the server's settings. The argument set has the value of each setting, by name.
// The argument multiHost is true if the URL names several hosts, which means that the operator expects failovers.
func durabilityRisks(set map[string]string, multiHost bool) (all []DurabilityRisk) {
	standbys := strings.TrimSpace(set["synchronous_standby_names"]) != ""
	for _, known := range []struct {
		DurabilityRisk
		applies bool
	}{
		{DurabilityRisk{"fsync", "off", noFsync}, true},
		{DurabilityRisk{"full_page_writes", "off", tornPages}, true},
		{DurabilityRisk{"synchronous_commit", "off", noFlushWait}, true},
		{DurabilityRisk{"synchronous_commit", "local", noStandbyWait}, standbys},
		{DurabilityRisk{"synchronous_standby_names", "", noSyncStandby}, multiHost},
	} {
		if set[known.Setting] == known.Value && known.applies {
			all = append(all, known.DurabilityRisk)
		}
	}
	return all
}
