package keys

import "time"

// A Key is one prepaid code and how it stands. It is a value: its methods return new ones.
// A zero time is one that is not known.
type Key struct {
	Code    Code
	Version int64 // of the stored key, from 1, raised by each write; 0: there is no such key
	Status  Status
	Used    bool
	Revoked bool   // withdrawn: to its holder it does not exist
	Message string // what info shows beside the status

	Username      string // of the account in the plan, where the provider told it
	VerifyAddress string // of the plan the account is in

	Invite  string // of a key used with the old system; not empty makes it a legacy key
	Address string // that goes with Invite

	OrderID      string // the seller's, "" if there is none
	PurchaseDate time.Time
	UsedDate     time.Time // of the last upgrade that succeeded

	Task       string    // the id of its latest task, "" before the first
	NextTaskAt time.Time // when its allowance of tasks is whole again (GCRA's theoretical arrival time)
}

// Issue is a new key, of the code that these random bytes make (see [Generate]), bought at that time,
// which is kept to the second.
func Issue(random [EntropyBytes]byte, orderID string, at time.Time) Key {
	return Key{
		Code: Generate(random), Status: Active,
		OrderID: orderID, PurchaseDate: at.UTC().Truncate(time.Second),
	}
}

// Exists says whether this is a stored key, revoked or not.
func (k Key) Exists() bool { return k.Version > 0 }

// Legacy says whether the key was last used with the old system, whose holders join a plan by hand.
func (k Key) Legacy() bool { return k.Invite != "" }

// Apply makes one [Transition] with the message it leaves. An unknown move changes nothing.
func (k Key) Apply(m Transition, message string) Key {
	s, known := transitions[m]
	if !known {
		return k
	}
	k.Status, k.Message = s.to, message
	if s.use != unchanged {
		k.Used = s.use == used
	}
	if s.clearsAccount {
		k.Username, k.VerifyAddress = "", ""
	}
	return k
}

// Enqueue is the key once the task with that id is accepted for it.
func (k Key) Enqueue(task string) Key {
	k = k.Apply(Queue, "")
	k.Task = task
	return k
}

// Upgrade is the key once its account is in a plan, since at; of the account and the plan it keeps what
// is told, "" for nothing.
func (k Key) Upgrade(at time.Time, username, verifyAddress string) Key {
	k = k.Apply(Upgraded, "")
	k.UsedDate, k.Username, k.VerifyAddress = at, username, verifyAddress
	return k
}

// Reset is the key as support hands it back: usable, of no system but this one, with its
// allowance of tasks whole, not revoked.
func (k Key) Reset() Key {
	k = k.Apply(Reset, "")
	k.Invite, k.Address, k.Revoked, k.NextTaskAt = "", "", false, time.Time{}
	return k
}

// Revoke is the key withdrawn. Its open task, if it has one, runs to its end.
func (k Key) Revoke() Key {
	k.Revoked = true
	return k
}

// Restore is the key as it was before it was revoked.
func (k Key) Restore() Key {
	k.Revoked = false
	return k
}
