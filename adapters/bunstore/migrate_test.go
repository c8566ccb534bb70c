package bunstore_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

func TestManyMigrateAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				plain, distributed := form(url)
				s, err := bunstore.Open(t.Context(), plain, bunstore.Options{Conns: 2, Distributed: distributed})
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Migrate(t.Context()); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		fill(t, open(t, url, bunstore.Options{}), 1)
	})
}

// TestTheDatabaseKnowsTheRules writes invalid rows that no adapter would write. The database must refuse them.
func TestTheDatabaseKnowsTheRules(t *testing.T) {
	const task = `INSERT INTO keyseat_tasks (code, id, kind, country, version, fence, plan_id, plan_address, plan_invite, ordinal,
		slot, faulty, asked, tries, lost, doubt, created_at, due, outcome, sealed) SELECT 'K00000', id || 'x', kind, country, version,
		fence, plan_id, plan_address, plan_invite, ordinal, slot, faulty, asked, tries, lost, doubt, created_at, due, outcome, sealed FROM keyseat_tasks`
	forbidden := map[string]string{
		"a plan oversold":             `UPDATE keyseat_plans SET held = size + 1`,
		"a negative count":            `UPDATE keyseat_plans SET spent = -1`,
		"two open tasks of a key":     task,
		"an open task without secret": `UPDATE keyseat_tasks SET sealed = NULL`,
		"an ended task with a secret": `UPDATE keyseat_tasks SET slot = 'free', outcome = 'success', ended_at = due`,
		"an ended task that holds":    `UPDATE keyseat_tasks SET sealed = NULL, outcome = 'success', ended_at = due`,
		"a status unlike its use":     `UPDATE keyseat_keys SET status = 'success'`,
		"a status that is none":       `UPDATE keyseat_keys SET status = 'gone'`,
		"a key twice":                 `INSERT INTO keyseat_keys SELECT * FROM keyseat_keys`,
	}
	onBoth(t, func(t *testing.T, url string) {
		s, db := open(t, url, bunstore.Options{}), raw(t, url)
		fill(t, s, 1)
		apply(t, s, upgrades(t, s, 1)...)
		for what, sql := range forbidden {
			_, err := db.ExecContext(t.Context(), sql)
			if err == nil || !strings.Contains(err.Error(), "onstraint") {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}
