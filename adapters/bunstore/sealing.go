package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// A Sealing records the master key with which daemons encrypt. All daemons that use one file of master keys share a
// record.
type Sealing struct {
	KeyFile string // the machine and the path
	KeyID   string
	Left    time.Duration // the rest of the time for which the record is valid; negative: it has expired
}

// sealingKept is the time from the expiry of a record to its deletion. An expired record shows that daemons have used
// the file a short time ago.
const sealingKept = time.Hour

// RecordSealing records that the daemons with the given file of master keys encrypt with the given key. The record is
// valid for ttl from now. It replaces the earlier record of the same file.
func (s *Store) RecordSealing(ctx context.Context, keyFile, keyID string, ttl time.Duration) error {
	return s.wrap("record the master key in use", s.transact(ctx, func(tx session) error {
		_, err := tx.execAll(ctx, query.Args{"file": keyFile, "key": keyID, "ttl": ttl, "kept": sealingKept},
			`INSERT INTO keyseat_sealing (key_file, key_id, until) VALUES (@file, @key, @now + @ttl)
			 ON CONFLICT (key_file) DO UPDATE SET key_id = excluded.key_id, until = excluded.until`,
			`DELETE FROM keyseat_sealing WHERE until < @now - @kept`)
		return err
	}))
}

// Sealings returns the records of [Store.RecordSealing] that are valid, or have expired in the last hour.
func (s *Store) Sealings(ctx context.Context) (all []Sealing, err error) {
	var now time.Time
	err = s.reader().runOnce(ctx, `SELECT key_file, key_id, until, @now FROM keyseat_sealing WHERE until >= @now - @kept ORDER BY key_file`,
		query.Args{"kept": sealingKept}, func(r query.Row) error {
			var one Sealing
			var until time.Time
			err := r.Scan([]query.Column{query.Text(&one.KeyFile), query.Text(&one.KeyID), query.Time(&until), query.Time(&now)})
			one.Left = until.Sub(now)
			all = append(all, one)
			return err
		})
	return all, s.wrap("list the master keys in use", err)
}
