package loglimit_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
)

// record returns a logger and the lines that it has written, without their times.
func record() (*slog.Logger, func() string) {
	var out journal
	untimed := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	return slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: untimed})), out.take
}

// A journal records the text that was written since the last take.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.text.Reset()
	return strings.TrimSuffix(j.text.String(), "\n")
}

func refused(client string) loglimit.Event {
	return loglimit.Event{
		Subject: "refused " + client, Level: slog.LevelWarn, Message: "refused", Attrs: []slog.Attr{slog.String("client", client)},
	}
}

func is(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("logged %q, want %q", got, want)
	}
}

// TestOneLineThenACount checks that the events of a minute cause one line for the first event and one line
// for all others.
func TestOneLineThenACount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l loglimit.Limiter
		log, lines := record()
		for range 1000 {
			l.Log(t.Context(), log, refused("a"))
		}
		l.Log(t.Context(), log, refused("b"))
		is(t, lines(), "level=WARN msg=refused client=a\nlevel=WARN msg=refused client=b")
		time.Sleep(loglimit.Window)
		synctest.Wait()
		is(t, lines(), "level=WARN msg=refused client=a repeated=999")
		l.Log(t.Context(), log, refused("a"))
		is(t, lines(), "")
		time.Sleep(loglimit.Window)
		synctest.Wait()
		is(t, lines(), "level=WARN msg=refused client=a repeated=1")
		time.Sleep(loglimit.Window)
		synctest.Wait()
		l.Log(t.Context(), log, refused("a"))
		is(t, lines(), "level=WARN msg=refused client=a")
		l.Log(t.Context(), log, refused("a"))
		l.Flush(t.Context())
		is(t, lines(), "level=WARN msg=refused client=a repeated=1")
		time.Sleep(2 * loglimit.Window)
		is(t, lines(), "")
	})
}

// TestManySubjects checks that a client with many addresses does not get a line for each address.
func TestManySubjects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l loglimit.Limiter
		log, lines := record()
		for i := range 10_000 {
			l.Log(t.Context(), log, refused(fmt.Sprint(i)))
		}
		all := strings.Split(lines(), "\n")
		if len(all) != loglimit.MaxSubjects+1 || all[loglimit.MaxSubjects] != "level=WARN msg=refused subjects_above=100" {
			t.Errorf("%d lines, the last is %s", len(all), all[len(all)-1])
		}
		time.Sleep(loglimit.Window)
		synctest.Wait()
		is(t, lines(), "level=WARN msg=refused subjects_above=100 repeated=9899")
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
		is(t, lines(), "level=ERROR msg=\"cannot lease\"\nlevel=INFO msg=\"works again\" failure=\"cannot lease\" duration=3s")
		for range 50 {
			l.Log(t.Context(), log, down)
			l.Recovered(t.Context(), "lease")
		}
		is(t, lines(), "")
		time.Sleep(loglimit.Window)
		synctest.Wait()
		is(t, lines(), "level=ERROR msg=\"cannot lease\" repeated=50\nlevel=INFO msg=\"works again\" failure=\"cannot lease\" duration=1m0s")
		time.Sleep(loglimit.Window)
	})
}

// TestSilence checks that a level that is not enabled costs nothing, and that a nil logger is allowed.
func TestSilence(t *testing.T) {
	t.Parallel()
	var l loglimit.Limiter
	log, lines := record()
	l.Log(context.Background(), nil, refused("a"))
	l.Log(context.Background(), log, loglimit.Event{Subject: "x", Level: slog.LevelDebug, Message: "x"})
	l.Flush(t.Context())
	is(t, lines(), "")
}
