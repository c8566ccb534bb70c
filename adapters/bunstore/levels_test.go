package bunstore_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/stock"
)

// A sums is a store whose sums are compared with its plans.
type sums struct {
	*testing.T
	store *bunstore.Store
	db    *sql.DB
	url   string
}

func (s sums) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s sums) run(text string, args ...any) {
	s.Helper()
	_, err := s.db.ExecContext(s.Context(), text, args...)
	s.must(err)
}

// time returns a time as the database stores it.
func (s sums) time(at time.Time) any {
	if strings.HasPrefix(s.url, "sqlite:") {
		return at.UnixMicro()
	}
	return at
}

// check compares the stock with the sums of the plans that package stock computes.
func (s sums) check(when string) {
	s.Helper()
	plans, err := s.store.Plans(s.Context(), 0, 1000)
	s.must(err)
	got, err := s.store.Stock(s.Context())
	s.must(err)
	if want := stock.Levels(time.Now(), plans); !slices.Equal(got, want) {
		s.Errorf("%s: %+v, want %+v", when, got, want)
	}
}

// audit checks that the stored sums are those of the plans.
func (s sums) audit(when string) {
	s.Helper()
	all, err := s.store.LevelAudits(s.Context())
	s.must(err)
	for _, a := range all {
		if a.Stored != a.Counted {
			s.Errorf("%s: %s has the sums %s, but its plans have %s", when, a.Country, a.Stored, a.Counted)
		}
	}
}

// someTime returns a full hour within two days from now.
func someTime(r *rand.Rand) time.Time {
	return time.Now().Truncate(time.Hour).Add(time.Duration(r.IntN(96)-48) * time.Hour)
}

// TestSumsFollowPlans changes plans at random, through the store and with SQL of another program. The stock must be
// exact after each change, wherever the time is at which the stored sums were counted.
func TestSumsFollowPlans(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := sums{t, open(t, url, bunstore.Options{}), raw(t, url), url}
		for round := range 12 {
			r := rand.New(rand.NewPCG(1, uint64(round)))
			s.run(`DELETE FROM keyseat_plans`)
			s.run(`DELETE FROM keyseat_countries`)
			for _, country := range []string{"DE", "US"} {
				s.run(`INSERT INTO keyseat_countries (code, counted_at) VALUES ($1, $2)`, country, s.time(someTime(r)))
			}
			for range 3 {
				s.run(`UPDATE keyseat_plans SET held = 0, spent = 0, suspect = 0`) // so that every edit is possible
				s.must(s.store.EditPlans(t.Context(), someEdits(r)))
				s.check(fmt.Sprint("edited, round ", round))
				for _, change := range someChanges {
					s.run(change, s.time(someTime(r)))
				}
				s.check(fmt.Sprint("changed, round ", round))
				s.audit(fmt.Sprint("changed, round ", round))
				s.must(s.store.DeductExpired(t.Context()))
				s.check(fmt.Sprint("deducted, round ", round))
				s.audit(fmt.Sprint("deducted, round ", round))
			}
		}
	})
}

// someEdits returns edits of some of ten plans. They retire plans, put them back, and move them to another country.
func someEdits(r *rand.Rand) []stock.PlanEdit {
	var all []stock.PlanEdit
	for i := range 10 {
		edit := stock.NewPlanEdit(fmt.Sprint("p", i), []stock.Country{"DE", "FR", "US"}[r.IntN(3)], 8+r.IntN(4))
		if r.IntN(2) == 0 {
			at := someTime(r)
			edit.ExpiresAt = &at
		}
		all = append(all, edit)
		if r.IntN(4) == 0 {
			all = append(all, stock.PlanEdit{ID: edit.ID, Retire: true})
		}
	}
	return all
}

// someChanges are statements with a time as their argument.
var someChanges = []string{
	`UPDATE keyseat_plans SET held = 1, spent = 2, suspect = 1 WHERE expires_at > $1`,
	`UPDATE keyseat_plans SET fault = 'full' WHERE expires_at <= $1 AND id < 'p4'`,
	`UPDATE keyseat_plans SET country = 'US', expires_at = $1 WHERE id IN ('p5', 'p6')`,
	`DELETE FROM keyseat_plans WHERE expires_at < $1 AND id > 'p7'`,
	`UPDATE keyseat_plans SET retired = false, fault = '' WHERE expires_at > $1 AND id < 'p2'`,
}

// TestDeductExpired checks that the stock no longer reads a plan that was deducted.
func TestDeductExpired(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := sums{t, open(t, url, bunstore.Options{}), raw(t, url), url}
		s.run(`INSERT INTO keyseat_countries (code, counted_at) VALUES ('US', $1)`, s.time(time.Now().Add(-48*time.Hour)))
		gone := stock.NewPlanEdit("gone", "US", 3)
		expired := time.Now().Add(-time.Hour)
		gone.ExpiresAt = &expired
		s.must(s.store.EditPlans(t.Context(), []stock.PlanEdit{gone, stock.NewPlanEdit("p", "US", 5)}))
		left := func() (n int) {
			t.Helper()
			s.must(s.db.QueryRowContext(t.Context(), `SELECT count(*) FROM keyseat_plans p JOIN keyseat_countries c ON c.code = p.country
				WHERE p.expires_at > c.counted_at`).Scan(&n))
			return n
		}
		if n := left(); n != 1 {
			t.Errorf("%d plans to deduct: nothing is proven", n)
		}
		for range 2 {
			s.must(s.store.DeductExpired(t.Context()))
			s.check("deducted")
			if n := left(); n != 0 {
				t.Errorf("%d plans are left", n)
			}
		}
	})
}

// TestFixLevel checks that wrong sums are found, and become those of the plans.
func TestFixLevel(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := sums{t, open(t, url, bunstore.Options{}), raw(t, url), url}
		fill(t, s.store, 4)
		apply(t, s.store, upgrades(t, s.store, 2)...)
		s.check("before")
		s.run(`UPDATE keyseat_countries SET plans = 7, size = 1, free = 9, held = 0, spent = 3, suspect = 2`)
		all, err := s.store.LevelAudits(t.Context())
		if err != nil || len(all) != 1 || all[0].Stored.Plans != 7 || all[0].Counted.Held != 2 {
			t.Fatalf("%+v, %v", all, err)
		}
		s.must(s.store.FixLevel(t.Context(), "US"))
		s.check("fixed")
		s.audit("fixed")
	})
}

// TestMigrationCountsPlans checks that the migration fills the sums of plans that the database has already.
func TestMigrationCountsPlans(t *testing.T) {
	for _, name := range []string{"postgres", "sqlite"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := databases[name](t)
			db := raw(t, url)
			files := slices.DeleteFunc(steps(t, url), func(file string) bool { return nameOf(file) >= "20261130110000" })
			earlier(t, db, files, always)
			s := sums{T: t, db: db, url: url}
			s.run(`INSERT INTO keyseat_countries VALUES ('DE'), ('US')`)
			for i, expires := range []any{nil, s.time(time.Now().Add(-time.Hour)), s.time(time.Now().Add(time.Hour))} {
				s.run(`INSERT INTO keyseat_plans (id, country, address, invite, size, held, spent, suspect, retired, fault, expires_at)
					VALUES ($1, 'US', '', '', 9, 1, 2, 3, false, '', $2), ($3, 'US', '', '', 5, 0, 0, 0, true, '', $2), ($4, 'US', '', '', 6, 0, 0, 0, false, 'full', $2)`,
					fmt.Sprint("p", i), expires, fmt.Sprint("retired", i), fmt.Sprint("full", i))
			}
			s.store = open(t, url, bunstore.Options{})
			s.check("migrated")
			s.audit("migrated")
		})
	}
}
