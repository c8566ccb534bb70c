// Package stock counts the slots of family plans, exactly.
//
// A [Plan] has a number of slots in one [Country]. Each slot is in one [State]:
//
//	         claim                 success
//	free ───────────▶ held ───────────────────▶ spent
//	  ▲                │ │                        ▲
//	  └────────────────┘ │ may have taken effect  │ it had
//	  ▲  no effect       ▼                        │
//	  └─────────────── suspect ───────────────────┘
//	    it had none                (an operator resolves)
//
// An operator can also release a spent slot, once its member has left: it is free again.
//
// Fungible things are claimed, not chosen: a [Claim] says "one slot in US" and a [Allocator], which every
// store shares, picks the plan or answers [ErrOutOfStock]. A [Transfer] takes one slot of a known plan from
// one state to another. The package is pure: values in, values out; no clock, no storage.
package stock
