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
// Callers claim a slot and do not choose its plan, because all slots of a country are equivalent. A
// [Claim] requests, for example, one slot in US. An [Allocator] picks the plan or returns
// [ErrOutOfStock]; every store uses it. A [Transfer] moves one slot of a given plan from one state to
// another. The package is pure: it has no clock and no storage, and its functions only compute values
// from values.
package stock
