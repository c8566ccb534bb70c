package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// A Sealing is the master key that the daemons of a file of master keys encrypt with.
type Sealing struct {
	KeyFile string // the machine and the path
	KeyID   string
	Left    time.Duration // the rest of the time for which the record is valid; negative: it has expired
}

// sealingKept is the time after which an expired record is deleted. Until then it shows that daemons have used a file.
const sealingKept = time.Hour

// RecordSealing records for ttl from now that the daemons of a file of master keys encrypt with the key of that id. A file
// has one record: the last one.
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
