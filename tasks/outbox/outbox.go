// Package outbox has the port that queues events for external subscribers, for example for webhooks. An [Outbox] stores
// the last history entry of each key that each subscriber has received. The package daemon/webhooks sends the
// deliveries.
package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// ErrNoSubscriber reports that no subscriber has the given name.
var ErrNoSubscriber = errors.New("no subscriber has this name")

// An Outbox queues events for subscribers, for example for webhooks. It does not copy the events, because the history
// has them. For each subscriber and key it stores a row with the last delivered history entry. It deletes the row when
// nothing is left to deliver. Without a subscriber it writes nothing.
//
//	history ─Route─▶ queue of each subscriber and key ─LeaseDeliveries─▶ sent ─CompleteDelivery─▶ log of deliveries
//
// All methods are safe for concurrent use, also by many processes. The leases keep the order of deliveries: at any
// time, at most one worker has the lease of a subscriber's deliveries about one key.
type Outbox interface {
	// Subscribe registers subscribers for ttl, or renews their registration. Later events are queued for these
	// subscribers. It also deletes expired subscribers with their queues, and logged deliveries that are older than
	// ttl.
	Subscribe(ctx context.Context, names []string, ttl time.Duration) error

	// Route reads up to n history entries that were not routed before. It queues each entry of one of the given types
	// for every subscriber. It routes each entry once, and the entries of a key in order. It returns the number of
	// entries that it read.
	Route(ctx context.Context, types []tasks.EventType, n int) (int, error)

	// SetLowStock replaces the set of countries that are low in stock for a subscriber. It queues a delivery for each
	// country that was not in the set before. The mark (> 0) identifies that delivery. SetLowStock removes the queued
	// deliveries of countries that are no longer in the set. For an unknown subscriber it does nothing.
	SetLowStock(ctx context.Context, subscriber string, countries []stock.Country, mark int64) error

	// LeaseDeliveries leases up to n due deliveries of a subscriber for ttl, the longest due first. It returns none for
	// a disabled or unknown subscriber. The argument lease must be a new unique name.
	LeaseDeliveries(ctx context.Context, subscriber, lease string, n int, ttl time.Duration) ([]QueuedDelivery, error)

	// CompleteDelivery stores the result of a leased delivery and ends the lease. It writes DeliveredSeq,
	// DeliveredEvent, Attempts, Since and DueAt of q. It logs d, unless d is nil. If the result of d is
	// [SubscriberGone], it disables the subscriber. If the lease was lost, it only logs d and returns
	// [tasks.ErrFenced].
	CompleteDelivery(ctx context.Context, q QueuedDelivery, d *Delivery) error

	// Replay queues events for a subscriber again, even if they were delivered before. The result is the
	// number of keys with such events, and 0 for an unknown subscriber.
	Replay(ctx context.Context, r Replay) (int, error)

	// Resume enables a disabled subscriber again. The error is [ErrNoSubscriber] if there is no subscriber of that
	// name.
	Resume(ctx context.Context, name string) error

	// Unsubscribe removes a subscriber and its queue. The error is [ErrNoSubscriber] if there is no subscriber of that
	// name.
	Unsubscribe(ctx context.Context, name string) error

	// Subscribers lists the registered subscribers, sorted by name.
	Subscribers(ctx context.Context) ([]Subscriber, error)

	// Deliveries lists up to n logged deliveries, the newest first. The list has the deliveries before the given Seq; 0
	// starts with the newest. An empty subscriber selects all subscribers, and an empty event selects all events.
	Deliveries(ctx context.Context, subscriber, event string, before int64, n int) ([]Delivery, error)
}

// A Subscriber is an external receiver of events.
type Subscriber struct {
	Name      string
	ExpiresAt time.Time // when the subscriber is removed, unless Subscribe renews its registration
	Disabled  time.Time // the time since which the subscriber receives nothing; zero: it is enabled
	Waiting   int       // the number of queued deliveries
	Since     time.Time // when the oldest of these deliveries was queued; zero: nothing is queued
}

// A QueuedDelivery contains the events about one key that a subscriber has not received yet. These are the history
// entries after DeliveredSeq, up to LastSeq. A delivery with a country and no code reports that the stock of the
// country is low. Its LastSeq is the mark of [Outbox.SetLowStock].
type QueuedDelivery struct {
	Subscriber string
	Code       keys.Code
	Country    stock.Country

	DeliveredSeq   int64 // the Seq of the last entry that is delivered completely
	DeliveredEvent int   // the number of delivered events of the entry after DeliveredSeq, which can have several
	LastSeq        int64
	Attempts       int       // the number of failed attempts to deliver the next event
	Since          time.Time // when the delivery was queued
	DueAt          time.Time
	Lease          string

	At      time.Time            // the store's clock
	Entries []tasks.HistoryEntry // the key's entries after DeliveredSeq, in order, at most [MaxEntries]; empty for a country, and if the entries were archived
}

// MaxEntries is the maximum number of history entries in one [QueuedDelivery].
const MaxEntries = 32

// A Result is the result of a delivery.
type Result string

// The results.
const (
	Delivered      Result = "delivered"
	Failed         Result = "failed"   // a later attempt follows
	GivenUp        Result = "given_up" // failed for too long: no further attempt follows
	SubscriberGone Result = "gone"     // the subscriber wants no further deliveries
)

// A Delivery is one attempt to send one event to a subscriber.
type Delivery struct {
	Seq        int64     // the position in the log, set by the store
	At         time.Time // the store's clock
	Subscriber string    // the name of the subscriber
	Event      string    // the id of the event, which is the same for every attempt
	Type       string
	Code       keys.Code
	Country    stock.Country
	Line       int64 // the Seq of the history entry with the event
	Attempt    int   // from 1
	Result     Result
	Status     int // the HTTP status of the response, 0 without a response
	Took       time.Duration
	Note       string // a description for the operator; contains no secret
}

// A Replay selects the events that a subscriber receives again. A history entry matches if its type is in Causes, its
// Seq is greater than After, and its time is not before Since. An entry without a key never matches, because deliveries
// are about keys. For each key the subscriber receives all entries from the first match to the last match, and the
// entries that are queued already.
type Replay struct {
	Subscriber string
	Code       keys.Code // "" for all keys
	After      int64
	Since      time.Time
	Causes     []tasks.EventType
}
