package tasks

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// ErrNoSubscriber says that nobody of that name is enlisted.
var ErrNoSubscriber = errors.New("there is no such listener")

// An Outbox tells listeners outside what happens. The history itself is what is told: the outbox
// keeps, per listener and key, up to which line that has been done, and forgets even this once there
// is nothing left to tell. While nobody is enlisted it writes nothing.
//
//	history ─Route─▶ queue of each subscriber and key ─LeaseDeliveries─▶ sent ─CompleteDelivery─▶ log of deliveries
//
// All methods may be called at once, by many processes. Their own rule is only that of order: the mail
// of one key is leased to one worker at a time.
type Outbox interface {
	// Subscribe enlists listeners for ttl from now: what happens from here on is kept for them. It
	// forgets those whose time is over, with their mail, and deliveries that are older than ttl.
	Subscribe(ctx context.Context, names []string, ttl time.Duration) error

	// Route puts the keys of up to n lines of history into the mail of every listener, each line once
	// and those of a key in order, if its cause is one of these; and says how many lines it has taken.
	Route(ctx context.Context, causes []EventType, n int) (int, error)

	// SetLowStock says which countries are low in stock, to this listener's mind. One that was not so before
	// becomes mail; the mark, a number above 0, names the occasion. One that is so no more is forgotten.
	SetLowStock(ctx context.Context, listener string, countries []stock.Country, mark int64) error

	// LeaseDeliveries leases up to n mails that are due, the longest due first, of a listener that is not
	// gone. The lease is a name that was never used before.
	LeaseDeliveries(ctx context.Context, listener, lease string, n int, ttl time.Duration) ([]QueuedDelivery, error)

	// CompleteDelivery writes what has become of a leased mail (its DeliveredSeq, DeliveredEvent, Attempts, Since and DueAt), ends the
	// lease, and logs the delivery, if there was one; a listener that has answered [SubscriberGone] is gone from
	// then on. If the lease is not the mail's any more, the delivery is logged all the same, nothing
	// else is written, and the error is [ErrFenced].
	CompleteDelivery(ctx context.Context, m QueuedDelivery, d *Delivery) error

	// Replay puts keys back into a listener's mail, whatever was told before, and says how many.
	Replay(ctx context.Context, r Replay) (int, error)

	// Resume makes a listener that was gone be told again. [ErrNoSubscriber] if it is not enlisted.
	Resume(ctx context.Context, name string) error

	// Unsubscribe strikes a listener off the list, with its mail. [ErrNoSubscriber] if it is not enlisted.
	Unsubscribe(ctx context.Context, name string) error

	// Subscribers lists those that are enlisted, by name.
	Subscribers(ctx context.Context) ([]Subscriber, error)

	// Deliveries lists up to n logged deliveries, the newest first, before that Seq (0: from the
	// newest on), of one listener or of all (""), of one event or of all ("").
	Deliveries(ctx context.Context, listener, event string, before int64, n int) ([]Delivery, error)
}

// A Subscriber is somebody outside who is told of what happens.
type Subscriber struct {
	Name      string
	ExpiresAt time.Time // when it is forgotten, unless it is enlisted again
	Disabled  time.Time // since when it is told nothing; zero: it is there
	Waiting   int       // mails that are still to be told
	Since     time.Time // when the oldest of them came; zero: there is none
}

// A HistoryEntry is an event of the history and where it stands.
type HistoryEntry struct {
	Seq    int64  // above that of every earlier line of the same key
	Change string // the id of the change or the batch that wrote it
	N      int    // its place among the events of that change
	Event
}

// QueuedDelivery is what a listener is still to be told about one key: the lines after Told, up to Newest. With
// a country in place of the code it says that this one's stock is low.
type QueuedDelivery struct {
	Subscriber string
	Code       keys.Code
	Country    stock.Country

	DeliveredSeq   int64 // the last line of which nothing is left to tell
	DeliveredEvent int   // how much of the line after that has been told
	LastSeq        int64
	Attempts       int       // at what is to be told next, in vain
	Since          time.Time // when this came into the mail
	DueAt          time.Time
	Lease          string

	At      time.Time      // the store's clock
	Entries []HistoryEntry // of a key, after Told, in order, at most [MaxEntries]; none only if they were archived
}

// MaxEntries is how many lines of a mail are read at once.
const MaxEntries = 32

// A DeliveryResult is how a delivery ended.
type DeliveryResult string

// The results.
const (
	Delivered      DeliveryResult = "delivered"
	Failed         DeliveryResult = "failed"   // it is tried again
	GivenUp        DeliveryResult = "given_up" // it has failed for so long that it is not tried again
	SubscriberGone DeliveryResult = "gone"     // the listener wants no more
)

// A Delivery is one attempt to tell a listener of one event.
type Delivery struct {
	Seq        int64     // of the log, the store's
	At         time.Time // the store's clock
	Subscriber string    // its name
	Event      string    // the id of what was told, the same for every attempt
	Type       string
	Code       keys.Code
	Country    stock.Country
	Line       int64 // the Seq of the line that it is about
	Attempt    int   // from 1
	Result     DeliveryResult
	Status     int // of the answer, 0 if there was none
	Took       time.Duration
	Note       string // what happened, for the operator; nothing secret
}

// A Replay says what a listener is to be told again: lines of these causes, after that Seq and not
// before Since, and then all that follow in the histories of their keys.
type Replay struct {
	Subscriber string
	Code       keys.Code // "" for all keys
	After      int64
	Since      time.Time
	Causes     []EventType
}
