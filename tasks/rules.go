package tasks

import "time"

// Rules is what an operator may set. [DefaultRules] are those of the API documentation.
type Rules struct {
	Password      PasswordPolicy
	Attempts      int           // askings per plan that may fail, at least 1
	Backoff       time.Duration // before the second attempt; doubles with each
	MaxBackoff    time.Duration
	MaxRetryAfter time.Duration // how long a provider may tell us to wait
	Deadline      time.Duration // after the first asking, for a provider that is still at work
	Plans         int           // that one upgrade may try, at least 1
	KeyTasks      int           // accepted per key and hour; 0: no limit
}

// DefaultRules gives the rules that hold where nobody sets others.
func DefaultRules() Rules {
	return Rules{
		Password:      PasswordPolicy{Length: 10, Mixed: true},
		Attempts:      8,
		Backoff:       2 * time.Second,
		MaxBackoff:    2 * time.Minute,
		MaxRetryAfter: 2 * time.Minute,
		Deadline:      15 * time.Minute,
		Plans:         3,
		KeyTasks:      20,
	}
}

// backoff is the pause before attempt tries+1: exponential, with jitter in [0,1) taking up to half.
func (r Rules) backoff(tries int, jitter float64) time.Duration {
	pause := r.Backoff
	for i := 1; i < tries && pause < r.MaxBackoff; i++ {
		pause *= 2
	}
	return jittered(min(pause, r.MaxBackoff), jitter)
}

// pendingBackoff is the pause before a task that the provider is still at work on is asked about again: as
// long as it has taken so far, within the bounds of the backoff, which doubles it each time.
func (r Rules) pendingBackoff(taken time.Duration, jitter float64) time.Duration {
	return jittered(min(max(taken, r.Backoff), r.MaxBackoff), jitter)
}

func jittered(pause time.Duration, jitter float64) time.Duration {
	return pause - time.Duration(float64(pause)/2*jitter)
}

// chargeRateLimit charges one task to a key's allowance by the generic cell rate algorithm (ITU-T I.371,
// annex A): a full allowance may be spent at once and fills again evenly over an hour. It returns
// the key's new limit, and how long to wait where nothing is left.
func (r Rules) chargeRateLimit(limit, now time.Time) (next time.Time, wait time.Duration) {
	if r.KeyTasks <= 0 {
		return time.Time{}, 0
	}
	interval := time.Hour / time.Duration(r.KeyTasks)
	if limit.Before(now) {
		limit = now
	}
	next = limit.Add(interval)
	return next, next.Sub(now) - interval*time.Duration(r.KeyTasks)
}
