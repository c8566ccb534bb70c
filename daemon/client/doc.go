// Package client speaks to a keyseat daemon, for shops and programs written in Go.
//
//	New      ──▶ Client   info, upgrade, renew, stock     for whoever holds a key
//	NewAdmin ──▶ Admin    keys, plans, tasks, stock       for the operator's programs, with a token
//
// A [Client] makes the calls of the public API, an [Admin] those of the admin API. An upgrade or renew that is accepted is carried out later; [Client.Wait] returns when it has ended:
//
//	err := shop.Upgrade(ctx, code, account, "US")
//	if errors.Is(err, tasks.KeyUsed) {
//		// renew it first
//	}
//	info, err := shop.Wait(ctx, code)
//
// # What went wrong
//
// Errors are told apart with [errors.Is] and [errors.As]:
//
//	a refusal of the API         a tasks.Refusal, such as tasks.KeyUsed; any of them: *Refused
//	a problem of the admin API   a Code, such as TaskOpen; any of them: *Problem
//	come back later              *Later: 429 or 503, and after what time; also from a daemon
//	                             with --http-status documented, which sends them as 200
//	any other status             *Status
//	no answer                    ErrNoAnswer; it is context.DeadlineExceeded too if that is why
//	an answer that is none       ErrAnswer
//	perhaps carried out          ErrUnknown, beside one of the four above
//
// # What is repeated
//
// Reads are repeated a few times, with growing pauses or after what time the daemon says, and so is
// [Admin.Issue], which its idempotency key makes safe. Anything else that changes something is repeated
// only if nothing of it was sent, or after a 429, which says that nothing was stored. Where neither is
// certain the error is [ErrUnknown]: a 503 can follow a request that was stored, because a database that
// went away in the middle may have kept it.
//
// # What is secret
//
// Requests are forms and JSON in bodies: only the admin API has key codes in URLs. No error holds a
// URL, what was sent, or a text of an answer that this package does not know, but for the problems of
// the admin API, which is sent no account. Redirects are not followed, because they could lead what is
// secret elsewhere.
package client
