package webhooks

import (
	"net/http"
	"slices"
	"time"

	"github.com/keyseat/keyseat/tasks/outbox"
)

// A RetryPolicy states when a dispatcher retries.
type RetryPolicy struct {
	Backoff       time.Duration // the pause after the first failure; doubles after each further failure
	MaxBackoff    time.Duration // the maximum of the pauses that double
	MaxRetryAfter time.Duration // the maximum pause that an endpoint can request with Retry-After
	MaxAge        time.Duration // how long an event is retried before it is given up
}

// DefaultRetryPolicy returns the policy of the daemon. Pauses are 5 s to 15 min, or the endpoint's Retry-After of
// up to one day. An event is given up after three days.
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{Backoff: 5 * time.Second, MaxBackoff: 15 * time.Minute, MaxRetryAfter: 24 * time.Hour, MaxAge: 3 * 24 * time.Hour}
}

// An Attempt is the result of one attempt to send a message.
type Attempt struct {
	Response
	At     time.Time // by the clock of the outbox
	Took   time.Duration
	Jitter float64 // in [0,1)
}

// minAttempts is the number of failed attempts that an event must have before the next failure gives it up. Age alone
// is not enough, because an event can be older than MaxAge without any attempt if no daemon was running.
const minAttempts = 5

// Settle returns the new state of a leased delivery after an attempt to send its message m, and the log entry of the
// attempt. Settle is a pure function.
func (p RetryPolicy) Settle(q outbox.QueuedDelivery, m Message, a Attempt) (outbox.QueuedDelivery, outbox.Delivery) {
	entry := outbox.Delivery{
		At: a.At, Subscriber: q.Subscriber, Event: m.Event.ID, Type: string(m.Event.Type), Code: q.Code, Country: q.Country,
		Line: m.Seq, Attempt: q.Attempts + 1, Status: a.Status, Took: a.Took, Note: a.Note,
	}
	age := a.At.Sub(slices.MaxFunc([]time.Time{q.Since, m.Event.At}, time.Time.Compare))
	switch {
	case a.OK():
		entry.Result, q = outbox.Delivered, resetAttempts(m.Acked, a.At)
	case a.Status == http.StatusGone:
		entry.Result, q.DueAt = outbox.SubscriberGone, a.At
	case age >= p.MaxAge && q.Attempts >= minAttempts:
		entry.Result, q = outbox.GivenUp, resetAttempts(m.Acked, a.At)
	default:
		q.Attempts++
		entry.Result, q.DueAt = outbox.Failed, a.At.Add(p.pause(q.Attempts, a))
	}
	return q, entry
}

// resetAttempts returns q without failed attempts, and due at the given time, for its next event.
func resetAttempts(q outbox.QueuedDelivery, at time.Time) outbox.QueuedDelivery {
	q.Attempts, q.DueAt = 0, at
	return q
}

// pause returns the pause after the given number of failures. It is the Retry-After of the endpoint, up to
// MaxRetryAfter. Without Retry-After it is twice the previous pause, up to MaxBackoff, less a random part of up to a
// half. The random part spreads the calls to endpoints that failed simultaneously.
func (p RetryPolicy) pause(failures int, a Attempt) time.Duration {
	if a.RetryAfter > 0 {
		return min(a.RetryAfter, p.MaxRetryAfter)
	}
	pause := p.Backoff
	for i := 1; i < failures && pause < p.MaxBackoff; i++ {
		pause *= 2
	}
	pause = min(pause, p.MaxBackoff)
	return pause - time.Duration(float64(pause)*a.Jitter/2)
}
