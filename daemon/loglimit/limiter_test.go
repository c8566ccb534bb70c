package loglimit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
)

// record returns a logger at the level info and the lines that it has written, without their times.
func record() (*slog.Logger, func() string) { return recordFrom(slog.LevelInfo) }

// recordFrom is record at another level.
func recordFrom(level slog.Level) (*slog.Logger, func() string) {
	var out buffer
	untimed := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	return slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: untimed})), out.take
}

// A buffer records the text that was written since the last take.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.text.Reset()
	return strings.TrimSuffix(b.text.String(), "\n")
}

func event(client string) loglimit.Event {
	return loglimit.Event{
		Subject: "refused " + client, Level: slog.LevelWarn, Message: "refused", Attrs: []slog.Attr{slog.String("client", client)},
	}
}

func checkLog(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("logged %q, want %q", got, want)
	}
}

// TestRepeatsAreCounted checks that the events of a minute cause one line for the first event and one line
// for all others.
func TestRepeatsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l loglimit.Limiter
		log, lines := record()
		for range 1000 {
			l.Log(t.Context(), log, event("a"))
		}
		l.Log(t.Context(), log, event("b"))
		checkLog(t, lines(), "level=WARN msg=refused client=a\nlevel=WARN msg=refused client=b")
		time.Sleep(loglimit.Window)
		synctest.Wait()
		checkLog(t, lines(), "level=WARN msg=refused client=a repeated=999")
		l.Log(t.Context(), log, event("a"))
		checkLog(t, lines(), "")
		time.Sleep(loglimit.Window)
		synctest.Wait()
		checkLog(t, lines(), "level=WARN msg=refused client=a repeated=1")
		time.Sleep(loglimit.Window)
		synctest.Wait()
		l.Log(t.Context(), log, event("a"))
		checkLog(t, lines(), "level=WARN msg=refused client=a")
		l.Log(t.Context(), log, event("a"))
		l.Flush(t.Context())
		checkLog(t, lines(), "level=WARN msg=refused client=a repeated=1")
		time.Sleep(2 * loglimit.Window)
		checkLog(t, lines(), "")
	})
}

// TestSubjectsAreBounded checks that a client with many addresses does not get a line for each address.
func TestSubjectsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l loglimit.Limiter
		log, lines := record()
		for i := range 10_000 {
			l.Log(t.Context(), log, event(fmt.Sprint(i)))
		}
		all := strings.Split(lines(), "\n")
		if len(all) != loglimit.MaxSubjects+1 || all[loglimit.MaxSubjects] != "level=WARN msg=refused subjects_above=100" {
			t.Errorf("%d lines, the last is %s", len(all), all[len(all)-1])
		}
		time.Sleep(loglimit.Window)
		synctest.Wait()
		checkLog(t, lines(), "level=WARN msg=refused subjects_above=100 repeated=9899")
		time.Sleep(loglimit.Window)
	})
}

// TestRecovered checks that the end of a failure is logged once. If a failure repeatedly ends and returns,
// its end is logged at most once a minute.
func TestRecovered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l loglimit.Limiter
		log, lines := record()
		down := loglimit.Event{Subject: "lease", Level: slog.LevelError, Message: "cannot lease"}
		l.Recovered(t.Context(), "lease")
		l.Log(t.Context(), log, down)
		time.Sleep(3 * time.Second)
		l.Recovered(t.Context(), "lease")
		l.Recovered(t.Context(), "lease")
		checkLog(t, lines(), "level=ERROR msg=\"cannot lease\"\nlevel=INFO msg=\"works again\" failure=\"cannot lease\" duration=3s")
		for range 50 {
			l.LogState(t.Context(), log, down, errors.New("away"))
			l.LogState(t.Context(), log, down, nil)
		}
		checkLog(t, lines(), "")
		time.Sleep(loglimit.Window)
		synctest.Wait()
		checkLog(t, lines(), "level=ERROR msg=\"cannot lease\" error=away repeated=50\nlevel=INFO msg=\"works again\" failure=\"cannot lease\" duration=1m0s")
		time.Sleep(loglimit.Window)
	})
}

// TestDisabledLevel checks that a level that is not enabled costs nothing, and that a nil logger is allowed.
func TestDisabledLevel(t *testing.T) {
	t.Parallel()
	var l loglimit.Limiter
	log, lines := record()
	l.Log(context.Background(), nil, event("a"))
	l.Log(context.Background(), log, loglimit.Event{Subject: "x", Level: slog.LevelDebug, Message: "x"})
	l.Flush(t.Context())
	checkLog(t, lines(), "")
}

// TestFirstLineIsFirst checks that a first event is logged before the later events of its subject, even if
// they happen while the first line is being written.
func TestFirstLineIsFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l loglimit.Limiter
		log, lines := recordFrom(slog.LevelDebug)
		hook := hooked{log.Handler(), sync.OnceFunc(func() {
			go l.Log(t.Context(), log, event("b"))
			for range 1000 {
				runtime.Gosched()
			}
		})}
		l.Log(t.Context(), slog.New(hook), event("b"))
		time.Sleep(loglimit.Window)
		synctest.Wait()
		checkLog(t, lines(), "level=WARN msg=refused client=b\nlevel=DEBUG msg=refused client=b\nlevel=WARN msg=refused client=b repeated=1")
		time.Sleep(loglimit.Window)
	})
}

// A hooked handler calls before at the start of each record.
type hooked struct {
	slog.Handler
	before func()
}

// Handle implements [slog.Handler].
func (h hooked) Handle(ctx context.Context, r slog.Record) error {
	h.before()
	return h.Handler.Handle(ctx, r)
}
