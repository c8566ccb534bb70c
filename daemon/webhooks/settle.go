package webhooks

import (
	"net/http"
	"time"

	"github.com/keyseat/keyseat/tasks/outbox"
)

// A RetryPolicy states when a dispatcher retries.
type RetryPolicy struct {
	Backoff       time.Duration // the first pause after a failure; it doubles after each further one
	MaxBackoff    time.Duration // the maximum of these pauses
	MaxRetryAfter time.Duration // the maximum pause that an endpoint can request with Retry-After
	MaxAge        time.Duration // how long an event is retried before it is given up
}

// DefaultRules returns the policy of the daemon. Pauses are 5 s to 15 min, or the endpoint's Retry-After of
// up to one day. An event is given up after three days.
func DefaultRules() RetryPolicy {
	return RetryPolicy{Backoff: 5 * time.Second, MaxBackoff: 15 * time.Minute, MaxRetryAfter: 24 * time.Hour, MaxAge: 3 * 24 * time.Hour}
}

// A Message is one event to send, and the queued delivery as it is after that event was sent.
type Message struct {
	Event Event
	Line  int64 // the number of its line of history, 0 for none
	Told  outbox.QueuedDelivery
}

// Next returns the next event of a key's queued delivery that the endpoint wants. It returns false if none
// of the lines in m causes a wanted event. In that case Told of the message is the queued delivery after
// all these lines.
func Next(m outbox.QueuedDelivery, wants func(Type) bool) (Message, bool) {
	if len(m.Entries) == 0 { // the lines were archived after the delivery was queued again
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

// An Attempt is the result of one attempt to send a message.
type Attempt struct {
	Answer
	At     time.Time // by the clock of the outbox
	Took   time.Duration
	Jitter float64 // in [0,1)
}

// enough is the minimum number of earlier failures of an event that is given up. An event can be older than
// MaxAge without any attempt, because no daemon was running.
const enough = 5

// Settle decides the new state of a leased delivery after an attempt to send a message of it. It also
// returns the log entry of the attempt. Settle is a pure function.
func (r RetryPolicy) Settle(m outbox.QueuedDelivery, l Message, a Attempt) (outbox.QueuedDelivery, outbox.Delivery) {
	d := outbox.Delivery{
		At: a.At, Subscriber: m.Subscriber, Event: l.Event.ID, Type: string(l.Event.Type), Code: m.Code, Country: m.Country,
		Line: l.Line, Attempt: m.Attempts + 1, Status: a.Status, Took: a.Took, Note: a.Note,
	}
	waited := a.At.Sub(later(m.Since, l.Event.At))
	switch {
	case a.OK():
		d.Result, m = outbox.Delivered, afresh(l.Told, a.At)
	case a.Status == http.StatusGone:
		d.Result, m.DueAt = outbox.SubscriberGone, a.At
	case waited >= r.MaxAge && m.Attempts >= enough:
		d.Result, m = outbox.GivenUp, afresh(l.Told, a.At)
	default:
		m.Attempts++
		d.Result, m.DueAt = outbox.Failed, a.At.Add(r.pause(m.Attempts, a))
	}
	return m, d
}

// afresh returns the queued delivery with no attempt at its next event.
func afresh(m outbox.QueuedDelivery, at time.Time) outbox.QueuedDelivery {
	m.Attempts, m.DueAt = 0, at
	return m
}

// pause returns the pause after the given number of failures. It is the Retry-After of the endpoint, up to
// MaxRetryAfter. Without Retry-After it is twice the pause before, up to MaxBackoff, less a random part of
// up to a half. The random part spreads the calls to endpoints that failed simultaneously.
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
