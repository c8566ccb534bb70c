package blackbox_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestGuessedKeysAreLimitedAcrossDaemons holds that an address is told of so many unknown keys a minute by all daemons
// together, whether it guesses at once or now and then.
func TestGuessedKeysAreLimitedAcrossDaemons(t *testing.T) {
	ParallelUnlessScaled(t)
	s := NewPostgresShop(t, pgtest.URL(t))
	all := s.ServeAll(3, "--unknown-key-limit", fmt.Sprint(guessLimit), "--log-level", "info")
	guessers := make([]*guesser, Scaled(5, 50))
	var group sync.WaitGroup
	start := time.Now()
	for i := range guessers {
		guessers[i] = newGuesser(i)
		group.Go(func() { guessers[i].guess(all...) })
	}
	slow := newGuesser(len(guessers))
	for i := range guessesEach {
		slow.count(all[i%len(all)].sendGuess(&slow.client, fmt.Sprint("info=guess-", i)))
	}
	group.Wait()
	told := int64(0)
	for i, g := range append(guessers, slow) {
		told += g.answered.Load()
		if fault := g.fault(time.Since(start)); fault != "" {
			s.Errorf("address %d: %s", i, fault)
		}
	}
	for _, d := range all {
		d.stopAttacked()
	}
	Report(s, (len(guessers)+1)*guessesEach, len(guessers)+1, "daemons", len(all), "told", told)
}

// TestGuessedKeysAreLimitedOnSlowDatabase holds that a fleet which cannot count in time tells an address no more.
func TestGuessedKeysAreLimitedOnSlowDatabase(t *testing.T) {
	ParallelUnlessScaled(t)
	s := NewPostgresShop(t, pgtest.URL(t))
	p, url := NewProxy(t, s.Database)
	all := s.ServeAll(3, "--unknown-key-limit", fmt.Sprint(guessLimit), "--log-level", "info", "--database", url)
	s.waitHeartbeats(len(all))
	p.Delay(300 * time.Millisecond)
	g := newGuesser(0)
	start := time.Now()
	g.guess(all...)
	p.Delay(0)
	told, most := g.answered.Load(), guessLimit*(1+int64(time.Since(start)/time.Minute))
	refused := g.refused.Load()
	if told == 0 || told > most || refused == 0 || told+refused != guessesEach {
		s.Errorf("%d guesses were answered, of which at most %d should be; %d were refused, %d had another answer", told, most, refused, g.other.Load())
	}
	for _, d := range all {
		d.stopAttacked()
	}
	Report(s, guessesEach, 1, "daemons", len(all), "told", told)
}

// waitHeartbeats waits until each of so many daemons has had a sign of life of every other.
func (s *Shop) waitHeartbeats(daemons int) {
	s.Helper()
	const last = `SELECT CAST(coalesce(extract(epoch FROM max(until)), 0) * 1000 AS bigint) FROM keyseat_daemons`
	signed := func(since int) bool {
		return s.Count(fmt.Sprintf(`SELECT count(*) FROM keyseat_daemons WHERE extract(epoch FROM until) * 1000 > %d`, since)) == daemons
	}
	s.Eventually("all daemons have signed in", func() bool { return signed(0) })
	newest := s.Count(last)
	s.Eventually("all daemons have signed in once more", func() bool { return signed(newest) })
}

// TestTasksPerKeyAreLimitedAcrossDaemons holds that the limit on a key's tasks is of all daemons together.
func TestTasksPerKeyAreLimitedAcrossDaemons(t *testing.T) {
	t.Parallel()
	s := NewPostgresShop(t, pgtest.URL(t))
	s.AddKeys("K")
	s.ImportPlans("p,US,5,,")
	all := s.ServeAll(3, "--key-task-limit", "2")
	for _, d := range all[:2] {
		d.MustAccept(Upgrade("K", "wrong_address@example.com", "US"))
		d.ExpectEnd("K", "failed_upgrade", Messages["wrong_address"])
	}
	for _, d := range []*Daemon{all[2], all[0], all[1]} {
		d.ExpectLimited(d.Post(Upgrade("K", "success@example.com", "US")), 1800)
	}
}
