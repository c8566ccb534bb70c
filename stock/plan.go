// Package stock counts the slots of family plans exactly.
//
// A [Plan] has a number of slots in one [Country]. Each slot is in one [State]:
//
//	         claim                 success
//	free ───────────▶ held ───────────────────▶ spent
//	  ▲                │ │                        ▲
//	  └────────────────┘ │ effect unknown         │
//	  ▲  no effect       ▼                        │
//	  └─────────────── suspect ───────────────────┘
//	    no effect           success (an operator resolves it)
//
// An operator can also release a spent slot after its member has left the plan. The slot is then free.
//
// Callers claim a slot and do not choose its plan, because all slots of a country are equivalent. A [Claim] requests,
// for example, one slot in US. An [Allocator] picks the plan or returns [ErrOutOfStock]. Every store uses an Allocator.
// A [Transfer] moves one slot of a given plan from one state to another. The package is pure: it has no clock and no
// storage, and its functions only compute values from values.
package stock

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A State is the state of one slot of a plan.
type State string

// The states of a slot. The zero State means that there is no slot.
const (
	Free    State = "free"
	Held    State = "held"    // reserved for an open task
	Spent   State = "spent"   // an upgrade succeeded with it
	Suspect State = "suspect" // perhaps spent: the slot counts as neither free nor spent until an operator resolves it
)

// A Fault is a defect of a plan that a connector reported. A plan with a fault is out of stock.
type Fault string

// The faults. The zero Fault means that the plan has no fault.
const (
	Expired Fault = "expired" // the plan has expired, even if its ExpiresAt is later
	Full    Fault = "full"    // other members have taken all places of the plan
	Invalid Fault = "invalid" // the invite or the address of the plan does not work
)

// A Plan is a family plan with the counters of its slots. A Plan is a value: its methods return changed
// copies. Free + Held + Spent + Suspect = Size always holds, and no counter is negative.
type Plan struct {
	ID      string
	Seq     int64 // its position in the order of import, from 1
	Country Country
	Address string // the address that its members must enter
	Invite  string // the invite that an account joins the plan with

	Size    int
	Held    int
	Spent   int
	Suspect int

	ExpiresAt time.Time // zero: never
	Retired   bool      // an operator took the plan out of stock
	Fault     Fault     // "": the plan has no fault
}

// Free returns the number of slots that are not held, spent or suspect.
func (p Plan) Free() int { return p.Size - p.Held - p.Spent - p.Suspect }

// HasExpired reports whether the given time is at or after the plan's ExpiresAt.
func (p Plan) HasExpired(at time.Time) bool { return !p.ExpiresAt.IsZero() && !at.Before(p.ExpiresAt) }

// Available reports whether the plan is in stock at the given time: not retired, not expired and without a fault.
func (p Plan) Available(at time.Time) bool {
	return !p.Retired && p.Fault == "" && !p.HasExpired(at)
}

// ErrSlotState reports a transfer from a state in which the plan has no slot, or counters that the plan cannot have.
// The cause is an error in a program or in the stored counters. The plan does not change.
var ErrSlotState = errors.New("stock: the plan has no slot in that state")

func (p Plan) transfer(from, to State) (Plan, error) {
	moved, err := p.WithCounts(p.Counts().Transfer(from, to, 1))
	if err != nil {
		return moved, fmt.Errorf("plan %s, %s to %s: %w", p.ID, from, to, ErrSlotState)
	}
	return moved, nil
}

// A SlotCounts holds the number of a plan's slots in each state except [Free]. The remaining slots of the
// plan are free. A SlotCounts can also be the difference of two counts; then its numbers may be negative.
type SlotCounts struct{ Held, Spent, Suspect int }

// Counts returns the number of the plan's slots in each state except [Free].
func (p Plan) Counts() SlotCounts { return SlotCounts{p.Held, p.Spent, p.Suspect} }

// WithCounts returns the plan with the given counters. The error is [ErrSlotState] if a counter is
// negative or the sum of the counters is greater than the plan's size.
func (p Plan) WithCounts(c SlotCounts) (Plan, error) {
	p.Held, p.Spent, p.Suspect = c.Held, c.Spent, c.Suspect
	if !p.Valid() {
		return p, fmt.Errorf("plan %s: %w", p.ID, ErrSlotState)
	}
	return p, nil
}

// Valid reports whether the plan's counters and the number of its free slots are all 0 or greater.
func (p Plan) Valid() bool { return min(p.Free(), p.Held, p.Spent, p.Suspect) >= 0 }

// Add returns the counts with n more slots in a state. For [Free] it changes nothing.
func (c SlotCounts) Add(s State, n int) SlotCounts {
	*c.counter(s) += n
	return c
}

// Transfer returns the counts after n slots have moved from one state to another.
func (c SlotCounts) Transfer(from, to State, n int) SlotCounts { return c.Add(from, -n).Add(to, n) }

// Sub returns the difference c - d.
func (c SlotCounts) Sub(d SlotCounts) SlotCounts {
	return SlotCounts{c.Held - d.Held, c.Spent - d.Spent, c.Suspect - d.Suspect}
}

// Of returns the number of slots in a state. For [Free] it returns 0, because c has no count of free slots.
func (c SlotCounts) Of(s State) int { return *c.counter(s) }

// counter returns the counter of a state. For [Free] it returns a new variable, because c has no count of free slots.
func (c *SlotCounts) counter(s State) *int {
	switch s {
	case Held:
		return &c.Held
	case Spent:
		return &c.Spent
	case Suspect:
		return &c.Suspect
	case Free: // has no counter, because all remaining slots are free
	}
	return new(int)
}

// String returns the counts as a text for people.
func (c SlotCounts) String() string {
	return fmt.Sprintf("%d held, %d spent, %d suspect", c.Held, c.Spent, c.Suspect)
}

// A Country is an ISO 3166-1 alpha-2 code in upper case, or XK, which stands for Kosovo by common use.
type Country string

// ErrCountry reports that a text is not the code of a country.
var ErrCountry = errors.New("the country must be an ISO 3166-1 alpha-2 code (e.g., US)")

// codes holds the officially assigned codes of ISO 3166-1 and XK, in alphabetical order.
const codes = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"

var countries = strings.Fields(codes)

// Countries lists the codes of all countries, in alphabetical order.
func Countries() []Country {
	all := make([]Country, len(countries))
	for i, c := range countries {
		all[i] = Country(c)
	}
	return all
}

// ParseCountry reads the code of a country, in upper or lower case. The error is [ErrCountry].
func ParseCountry(s string) (Country, error) {
	upper := strings.ToUpper(s)
	if _, found := slices.BinarySearch(countries, upper); !found || len(s) != len(upper) {
		return "", ErrCountry
	}
	return Country(upper), nil
}

// A Level holds the numbers of a country's slots. Size = Free + Held + Spent + Suspect + Idle.
type Level struct {
	Country Country
	Size    int
	Free    int // free slots of available plans: a claim can take them
	Held    int
	Spent   int
	Suspect int
	Idle    int // free slots of plans that are retired, expired or have a fault
}

// Levels returns the sums of the plans by country, in the order of the countries' codes. The argument at decides which
// plans have expired.
func Levels(at time.Time, plans []Plan) []Level {
	sums := map[Country]Level{}
	for _, p := range plans {
		l := sums[p.Country]
		l.Country = p.Country
		l.Size += p.Size
		l.Held += p.Held
		l.Spent += p.Spent
		l.Suspect += p.Suspect
		if p.Available(at) {
			l.Free += p.Free()
		} else {
			l.Idle += p.Free()
		}
		sums[p.Country] = l
	}
	return slices.SortedFunc(maps.Values(sums), func(x, y Level) int { return cmp.Compare(x.Country, y.Country) })
}
