// Package loglimit bounds the log lines of an event that repeats.
//
// A client, a provider or a broken database can cause the same event a thousand times a second. A [Limiter] logs the
// first event of a subject immediately. It logs each later event only at the level debug, and counts it. At the end of
// each minute it logs the number of these events. If a subject has no event for a minute, the Limiter forgets the
// subject, so that the next event of the subject counts as its first event again.
//
//	event     x xxxxxxxx xx       xxxxxxxxx       ·  nothing  ·        x
//	log line  1                 60 s: 10 more   120 s: 9 more   180 s  1
//
// A client can change its identity, for example its IPv6 address. Therefore at most [MaxSubjects]
// subjects have lines of their own. The Limiter counts the events of all other subjects together.
package loglimit

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Window is the time for which a [Limiter] counts the events of a subject, before it logs their number in one line.
const Window = time.Minute

// MaxSubjects is the maximum number of subjects that have lines of their own simultaneously.
const MaxSubjects = 100

// An Event is an occurrence that may repeat often.
type Event struct {
	Subject string // identifies the events that are counted together, for example an address; "": Message
	Level   slog.Level
	Message string
	Attrs   []slog.Attr
}

// A Limiter bounds the lines of repeated events. The zero Limiter is ready to use. It is safe for concurrent use.
type Limiter struct {
	mu       sync.Mutex
	subjects map[string]*subject
}

// A subject is the state of the events with one subject name.
type subject struct {
	log            *slog.Logger
	last           Event
	unlogged       int       // events since the last line
	began          time.Time // when the first event happened
	failing        bool      // the subject has had an event since its last recovery
	recoveryLogged bool      // a recovery was logged in this window
}

// overflow is the name of the subject that counts the events of all subjects past [MaxSubjects].
const overflow = "\x00others"

// Log logs the event if it is the first one of its subject. Otherwise it counts the event, and logs it at debug.
func (l *Limiter) Log(ctx context.Context, log *slog.Logger, e Event) {
	if log == nil || !log.Enabled(ctx, e.Level) {
		return
	}
	e.Subject = cmp.Or(e.Subject, e.Message)
	if !l.logFirst(ctx, log, e) {
		log.LogAttrs(ctx, slog.LevelDebug, e.Message, e.Attrs...)
	}
}

// LogState logs the failure e of an operation, with its error. If err is nil, it calls [Limiter.Recovered].
func (l *Limiter) LogState(ctx context.Context, log *slog.Logger, e Event, err error) {
	if err == nil {
		l.Recovered(ctx, cmp.Or(e.Subject, e.Message))
		return
	}
	e.Attrs = append(slices.Clone(e.Attrs), slog.String("error", err.Error()))
	l.Log(ctx, log, e)
}

// logFirst logs the event if it is the first one of its subject, and counts it otherwise. It logs while it holds
// mu, so that no later event of the subject is logged before the first one.
func (l *Limiter) logFirst(ctx context.Context, log *slog.Logger, e Event) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.find(&e); s != nil {
		s.last, s.failing = e, true
		s.unlogged++
		return false
	}
	if l.subjects == nil {
		l.subjects = map[string]*subject{}
	}
	s := &subject{log: log, last: e, began: time.Now(), failing: true}
	l.subjects[e.Subject] = s
	l.endWindowLater(e.Subject, s) //nolint:contextcheck // a line that counts events belongs to no request
	log.LogAttrs(ctx, e.Level, e.Message, e.Attrs...)
	return true
}

// find returns the subject of an event, or nil if the subject is new. If there are already [MaxSubjects] subjects, the
// event becomes an event of the subject [overflow], and keeps only its message and level.
func (l *Limiter) find(e *Event) *subject {
	if s := l.subjects[e.Subject]; s != nil || len(l.subjects) < MaxSubjects {
		return s
	}
	e.Subject, e.Attrs = overflow, []slog.Attr{slog.Int("subjects_above", MaxSubjects)}
	return l.subjects[overflow]
}

func (l *Limiter) endWindowLater(name string, s *subject) {
	time.AfterFunc(Window, func() { l.endWindow(name, s) })
}

// endWindow logs the number of events of a window. If the window had no event, it removes the subject.
func (l *Limiter) endWindow(name string, s *subject) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.unlogged == 0 {
		delete(l.subjects, name)
		return
	}
	s.logCount(context.Background())
	if s.recoveryLogged = false; !s.failing {
		s.logRecovery(context.Background())
	}
	l.endWindowLater(name, s)
}

// Flush logs the numbers of events that no line contains yet. Call it before the program ends.
func (l *Limiter) Flush(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.subjects {
		if s.unlogged > 0 {
			s.logCount(ctx)
		}
	}
}

func (s *subject) logCount(ctx context.Context) {
	attrs := append(slices.Clone(s.last.Attrs), slog.Int("repeated", s.unlogged))
	s.unlogged = 0
	s.log.LogAttrs(ctx, s.last.Level, s.last.Message, attrs...)
}

// Recovered records that the operation of a subject works again. If an event of the subject was logged before, it logs
// a line. It logs at most one such line in each window.
func (l *Limiter) Recovered(ctx context.Context, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.subjects[name]
	if s == nil || !s.failing {
		return
	}
	if s.failing = false; !s.recoveryLogged {
		s.logRecovery(ctx)
	}
}

func (s *subject) logRecovery(ctx context.Context) {
	s.recoveryLogged = true
	s.log.LogAttrs(ctx, slog.LevelInfo, "works again",
		slog.String("failure", s.last.Message), slog.Duration("duration", time.Since(s.began).Round(time.Millisecond)))
}
