package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
)

// lockArchivableDistributed is [session.lockArchivable] for a distributed store. It waits for transactions that
// change the same keys.
func (s session) lockArchivableDistributed(ctx context.Context, want query.Rows, lines map[keys.Code]int) (map[keys.Code]bool, error) {
	ours := map[keys.Code]bool{}
	named := query.Args{"codes": want.Texts("code")}
	if err := s.runOnce(ctx, lockKeysSQL, named, func(query.Row) error { return nil }); err != nil {
		return nil, err
	}
	err := s.runOnce(ctx, `
		SELECT h.code, count(*), bool_or(h.fresh) FROM keyseat_history h WHERE h.code = ANY (@codes) GROUP BY h.code`,
		named, func(r query.Row) error {
			var code keys.Code
			var n int
			var fresh bool
			err := r.Scan([]query.Column{query.Text(&code), query.Int(&n), query.Bool(&fresh)})
			ours[code] = n == lines[code] && !fresh
			return err
		})
	if err != nil {
		return nil, err
	}
	return ours, s.runOnce(ctx, `
		SELECT m.code FROM keyseat_listeners l JOIN keyseat_mail m ON m.listener = l.name
		WHERE m.code = ANY (@codes) AND m.country = '' AND m.newest > m.told`,
		named, func(r query.Row) error {
			var code keys.Code
			err := r.Scan([]query.Column{query.Text(&code)})
			ours[code] = false
			return err
		})
}
