package bunstore

import (
	"time"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// The models describe the rows of the tables. Queries of bun use the models. Frequent statements use the variables
// below, which have the same columns.
//
//	keyModel ──▶ keyColumns  ◀── conversion ──▶  keys.Key
//	  │             tags: the columns
//	  └ table, relations
//
// Each struct of columns, such as keyColumns, has the fields of a type of keys, stock, tasks or outbox, in the same
// order. So Go can convert one type to the other, and a missing field does not compile.
//
// Some names in the database are older than the names in Go:
//
//	keyseat_mail        queued deliveries; told is DeliveredSeq, part is DeliveredEvent, newest is LastSeq
//	keyseat_listeners   subscribers; gone_at is Disabled
//	keyseat_strangers   counts of unknown keys, see [Store.CountUnknownKeys]
//	asked, tries        all attempts of a task, and its counted attempts
//	fresh               a history entry that is not routed yet, see [Store.Route]
var (
	keyTable      = query.TableOf[keys.Key, keyColumns]("keyseat_keys")
	taskTable     = query.TableOf[tasks.Task, taskColumns]("keyseat_tasks")
	planTable     = query.TableOf[stock.Plan, planColumns]("keyseat_plans")
	historyTable  = query.TableOf[tasks.HistoryEntry, historyColumns]("keyseat_history")
	queueTable    = query.TableOf[outbox.QueuedDelivery, queueColumns]("keyseat_mail")
	deliveryTable = query.TableOf[outbox.Delivery, deliveryColumns]("keyseat_deliveries")
)

type keyModel struct {
	bun.BaseModel `bun:"table:keyseat_keys,alias:k"`
	keyColumns
}

type keyColumns struct {
	Code    keys.Code   `bun:"code,pk"`
	Version int64       `bun:"version"`
	Status  keys.Status `bun:"status"`
	Used    bool        `bun:"used"`
	Revoked bool        `bun:"revoked"`
	Message string      `bun:"message"`

	Username      string `bun:"username"`
	VerifyAddress string `bun:"verify_address"`

	Invite  string `bun:"invite"`
	Address string `bun:"address"`

	OrderID      string    `bun:"order_id"`
	PurchaseDate time.Time `bun:"purchase_date"`
	UsedDate     time.Time `bun:"used_date"`

	Task       string    `bun:"task_id"`
	NextTaskAt time.Time `bun:"limit_at"`

	FailedLogins int `bun:"failed_logins"`
}

type taskModel struct {
	bun.BaseModel `bun:"table:keyseat_tasks,alias:t"`
	taskColumns
	Key *keyModel `bun:"rel:belongs-to,join:code=code"`
}

type taskColumns struct {
	ID      string        `bun:"id,pk"`
	Code    keys.Code     `bun:"code,pk"`
	Kind    tasks.Kind    `bun:"kind"`
	Country stock.Country `bun:"country"`

	Version int64 `bun:"version"`
	Fence   int64 `bun:"fence"`

	Plan    tasks.PlanSnapshot `bun:"embed:plan_"`
	Ordinal int                `bun:"ordinal"`
	Slot    stock.State        `bun:"slot"`
	Faulty  []string           `bun:"faulty"` // a JSON array; "" for none

	Attempts        int       `bun:"asked"`
	CountedAttempts int       `bun:"tries"`
	LostLeases      int       `bun:"lost"`
	InDoubt         bool      `bun:"doubt"`
	FirstAttempt    time.Time `bun:"first_asked"`

	CreatedAt   time.Time `bun:"created_at"`
	DueAt       time.Time `bun:"due"`
	LeasedUntil time.Time `bun:"leased_until"`
	EndedAt     time.Time `bun:"ended_at"`

	Outcome tasks.Outcome `bun:"outcome"`
	Sealed  []byte        `bun:"sealed"`
}

type planModel struct {
	bun.BaseModel `bun:"table:keyseat_plans,alias:p"`
	planColumns
}

type planColumns struct {
	ID      string        `bun:"id,pk"`
	Seq     int64         `bun:"seq"`
	Country stock.Country `bun:"country"`
	Address string        `bun:"address"`
	Invite  string        `bun:"invite"`

	Size    int `bun:"size"`
	Held    int `bun:"held"`
	Spent   int `bun:"spent"`
	Suspect int `bun:"suspect"`

	ExpiresAt time.Time   `bun:"expires_at"`
	Retired   bool        `bun:"retired"`
	Fault     stock.Fault `bun:"fault"`
}

type historyModel struct {
	bun.BaseModel `bun:"table:keyseat_history,alias:h"`
	historyColumns
}

type historyColumns struct {
	Seq    int64  `bun:"seq,autoincrement"`
	Change string `bun:"change_id,pk"`
	N      int    `bun:"n,pk"`
	eventColumns
}

type eventColumns struct {
	At      time.Time       `bun:"at"`
	Type    tasks.EventType `bun:"cause"`
	Code    keys.Code       `bun:"code,pk"`
	Task    string          `bun:"task_id"`
	Kind    tasks.Kind      `bun:"kind"`
	Outcome tasks.Outcome   `bun:"outcome"`
	Plan    string          `bun:"plan_id"`
	From    stock.State     `bun:"slot_from"`
	To      stock.State     `bun:"slot_to"`
	Note    string          `bun:"note"`
}

type subscriberModel struct {
	bun.BaseModel `bun:"table:keyseat_listeners,alias:l"`
	subscriberColumns
}

type subscriberColumns struct {
	Name      string    `bun:"name,pk"`
	ExpiresAt time.Time `bun:"until"`
	Disabled  time.Time `bun:"gone_at"`
	Waiting   int       `bun:"waiting,scanonly"` // computed from the queue
	Since     time.Time `bun:"since,scanonly"`   // computed from the queue
}

type deliveryQueueModel struct {
	bun.BaseModel `bun:"table:keyseat_mail,alias:m"`
	queueColumns
}

// queueColumns lack leased_until, because no Go code reads that column.
type queueColumns struct {
	Subscriber string        `bun:"listener,pk"`
	Code       keys.Code     `bun:"code,pk"`
	Country    stock.Country `bun:"country,pk"`

	DeliveredSeq   int64     `bun:"told"`
	DeliveredEvent int       `bun:"part"`
	LastSeq        int64     `bun:"newest"`
	Attempts       int       `bun:"tries"`
	Since          time.Time `bun:"since"`
	DueAt          time.Time `bun:"due"`
	Lease          string    `bun:"lease"`

	At      time.Time            `bun:"at,scanonly"`
	Entries []tasks.HistoryEntry `bun:"-"`
}

type deliveryModel struct {
	bun.BaseModel `bun:"table:keyseat_deliveries,alias:d"`
	deliveryColumns
}

type deliveryColumns struct {
	Seq        int64         `bun:"seq,pk,autoincrement"`
	At         time.Time     `bun:"at"`
	Subscriber string        `bun:"listener"`
	Event      string        `bun:"event"`
	Type       string        `bun:"type"`
	Code       keys.Code     `bun:"code"`
	Country    stock.Country `bun:"country"`
	Line       int64         `bun:"line"`
	Attempt    int           `bun:"try"`
	Result     outbox.Result `bun:"result"`
	Status     int           `bun:"status"`
	Took       time.Duration `bun:"took"`
	Note       string        `bun:"note"`
}

func mapped[M, T any](rows []M, to func(M) T) (all []T) {
	for _, r := range rows {
		all = append(all, to(r))
	}
	return all
}
