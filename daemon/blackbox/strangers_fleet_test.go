package blackbox_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestGuessesAtManyDaemons holds that an address is told of so many unknown keys a minute by all daemons
// together, whether it guesses at once or now and then.
func TestGuessesAtManyDaemons(t *testing.T) {
	besideOthers(t)
	s := onPostgres(t, pgtest.URL(t))
	all := s.daemons(3, "--unknown-key-limit", fmt.Sprint(guessLimit), "--log-level", "info")
	guessers := make([]*guesser, figure(5, 50))
	var group sync.WaitGroup
	start := time.Now()
	for i := range guessers {
		guessers[i] = newGuesser(i)
		group.Go(func() { guessers[i].goAt(all...) })
	}
	slow := newGuesser(len(guessers))
	for i := range guessesEach {
		slow.note(all[i%len(all)].guessed(&slow.client, fmt.Sprint("info=guess-", i)))
	}
	group.Wait()
	told := int64(0)
	for i, g := range append(guessers, slow) {
		told += g.told.Load()
		if fault := g.fault(time.Since(start)); fault != "" {
			s.Errorf("address %d: %s", i, fault)
		}
	}
	for _, d := range all {
		d.unharmed()
	}
	tried(s, (len(guessers)+1)*guessesEach, len(guessers)+1, "daemons", len(all), "told", told)
}

// TestGuessesAtASlowDatabase holds that a fleet which cannot count in time tells an address no more.
func TestGuessesAtASlowDatabase(t *testing.T) {
	besideOthers(t)
	s := onPostgres(t, pgtest.URL(t))
	p, url := newProxy(t, s.database)
	all := s.daemons(3, "--unknown-key-limit", fmt.Sprint(guessLimit), "--log-level", "info", "--database", url)
	s.acquainted(len(all))
	p.slow(300 * time.Millisecond)
	g := newGuesser(0)
	start := time.Now()
	g.goAt(all...)
	p.slow(0)
	told, most := g.told.Load(), guessLimit*(1+int64(time.Since(start)/time.Minute))
	refused := g.refused.Load()
	if told == 0 || told > most || refused == 0 || told+refused != guessesEach {
		s.Errorf("%d guesses were answered, of which at most %d should be; %d were refused, %d had another answer", told, most, refused, g.other.Load())
	}
	for _, d := range all {
		d.unharmed()
	}
	tried(s, guessesEach, 1, "daemons", len(all), "told", told)
}

// acquainted waits until each of so many daemons has had a sign of life of every other.
func (s *shop) acquainted(daemons int) {
	s.Helper()
	const last = `SELECT CAST(coalesce(extract(epoch FROM max(until)), 0) * 1000 AS bigint) FROM keyseat_daemons`
	signed := func(since int) bool {
		return s.count(fmt.Sprintf(`SELECT count(*) FROM keyseat_daemons WHERE extract(epoch FROM until) * 1000 > %d`, since)) == daemons
	}
	s.until("all daemons have signed in", func() bool { return signed(0) })
	newest := s.count(last)
	s.until("all daemons have signed in once more", func() bool { return signed(newest) })
}

// TestTasksPerKeyAtManyDaemons holds that the limit on a key's tasks is of all daemons together.
func TestTasksPerKeyAtManyDaemons(t *testing.T) {
	t.Parallel()
	s := onPostgres(t, pgtest.URL(t))
	s.fresh("K")
	s.importPlans("p,US,5,,")
	all := s.daemons(3, "--key-task-limit", "2")
	for _, d := range all[:2] {
		d.accepted(upgrade("K", "wrong_address@example.com", "US"))
		d.endsAs("K", "failed_upgrade", messages["wrong_address"])
	}
	for _, d := range []*daemon{all[2], all[0], all[1]} {
		d.limited(d.post(upgrade("K", "success@example.com", "US")), 1800)
	}
}
