package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/keys"
)

// oursApart is [session.lockArchivable] for a distributed store. It waits for transactions that change the same keys.
func (s session) lockArchivableDistributed(ctx context.Context, want batch, lines map[keys.Code]int) (map[keys.Code]bool, error) {
	ours := map[keys.Code]bool{}
	named := args{"codes": want.texts(0)}
	if err := s.query(ctx, lockKeysSQL, named, func(row) error { return nil }); err != nil {
		return nil, err
	}
	err := s.query(ctx, `
		SELECT h.code, count(*), bool_or(h.fresh) FROM keyseat_history h WHERE h.code = ANY (@codes) GROUP BY h.code`,
		named, func(r row) error {
			var code keys.Code
			var n int
			var fresh bool
			err := r.scan([]field{text[keys.Code]{&code}, whole[int]{&n}, flag{&fresh}})
			ours[code] = n == lines[code] && !fresh
			return err
		})
	if err != nil {
		return nil, err
	}
	return ours, s.query(ctx, `
		SELECT m.code FROM keyseat_listeners l JOIN keyseat_mail m ON m.listener = l.name
		WHERE m.code = ANY (@codes) AND m.country = '' AND m.newest > m.told`,
		named, func(r row) error {
			var code keys.Code
			err := r.scan([]field{text[keys.Code]{&code}})
			ours[code] = false
			return err
		})
}
