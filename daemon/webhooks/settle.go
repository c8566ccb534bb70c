package webhooks

import (
	"net/http"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// RetryPolicy say how patient a courier is.
type RetryPolicy struct {
	Backoff       time.Duration // the first pause after a failure; it doubles
	MaxBackoff    time.Duration // to at most this
	MaxRetryAfter time.Duration // how far an endpoint's own wish (Retry-After) is obeyed
	MaxAge        time.Duration // how long an event is tried before it is given up
}

// DefaultRules are the daemon's: pauses from 5 s to 15 min, an endpoint's own wish of a day at most, and
// three days of patience.
func DefaultRules() RetryPolicy {
	return RetryPolicy{Backoff: 5 * time.Second, MaxBackoff: 15 * time.Minute, MaxRetryAfter: 24 * time.Hour, MaxAge: 3 * 24 * time.Hour}
}

// A Message is one event to tell, and the mail as it is once that has been told.
type Message struct {
	Event Event
	Line  int64 // of the history, 0 for none
	Told  tasks.QueuedDelivery
}

// Next finds what is to be told next of a key's mail, of what is wanted. With false it is nothing: the
// letter's mail is past all the lines that were read.
func Next(m tasks.QueuedDelivery, wants func(Type) bool) (Message, bool) {
	if len(m.Entries) == 0 { // they were archived while the mail was put together again
		m.DeliveredSeq, m.DeliveredEvent = m.LastSeq, 0
	}
	for _, line := range m.Entries {
		all := Events(line)
		for i := m.DeliveredEvent; i < len(all); i++ {
			if !wants(all[i].Type) {
				continue
			}
			told := m
			told.DeliveredEvent = i + 1
			if told.DeliveredEvent == len(all) {
				told.DeliveredSeq, told.DeliveredEvent = line.Seq, 0
			}
			return Message{all[i], line.Seq, told}, true
		}
		m.DeliveredSeq, m.DeliveredEvent = line.Seq, 0
	}
	return Message{Told: m}, false
}

// An Attempt is what came of telling a letter.
type Attempt struct {
	Answer
	At     time.Time // by the outbox's clock
	Took   time.Duration
	Jitter float64 // in [0,1)
}

// enough tries are made of every event, however long it has waited for the first: nobody may have been
// there to make one.
const enough = 5

// Settle decides what becomes of a leased mail after an attempt at a letter of it.
func (r RetryPolicy) Settle(m tasks.QueuedDelivery, l Message, a Attempt) (tasks.QueuedDelivery, tasks.Delivery) {
	d := tasks.Delivery{
		At: a.At, Subscriber: m.Subscriber, Event: l.Event.ID, Type: string(l.Event.Type), Code: m.Code, Country: m.Country,
		Line: l.Line, Attempt: m.Attempts + 1, Status: a.Status, Took: a.Took, Note: a.Note,
	}
	waited := a.At.Sub(later(m.Since, l.Event.At))
	switch {
	case a.OK():
		d.Result, m = tasks.Delivered, afresh(l.Told, a.At)
	case a.Status == http.StatusGone:
		d.Result, m.DueAt = tasks.SubscriberGone, a.At
	case waited >= r.MaxAge && m.Attempts >= enough:
		d.Result, m = tasks.GivenUp, afresh(l.Told, a.At)
	default:
		m.Attempts++
		d.Result, m.DueAt = tasks.Failed, a.At.Add(r.pause(m.Attempts, a))
	}
	return m, d
}

// afresh is mail whose next event was never tried.
func afresh(m tasks.QueuedDelivery, at time.Time) tasks.QueuedDelivery {
	m.Attempts, m.DueAt = 0, at
	return m
}

// pause is how long to wait after that many failures: what the endpoint wishes, or twice as long as
// before, less up to a half, so that endpoints that failed together are not called together.
func (r RetryPolicy) pause(tries int, a Attempt) time.Duration {
	if a.After > 0 {
		return min(a.After, r.MaxRetryAfter)
	}
	pause := r.Backoff
	for i := 1; i < tries && pause < r.MaxBackoff; i++ {
		pause *= 2
	}
	pause = min(pause, r.MaxBackoff)
	return pause - time.Duration(float64(pause)*a.Jitter/2)
}

func later(x, y time.Time) time.Time {
	if x.After(y) {
		return x
	}
	return y
}
