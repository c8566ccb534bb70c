// Package client is a client of a keyseat daemon, for shops and programs written in Go.
//
//	New      ──▶ Client   info, upgrade, renew, stock     for a program that has keys
//	NewAdmin ──▶ Admin    keys, plans, tasks, stock       for the operator's programs, with a token
//
// A [Client] makes the calls of the public API, an [Admin] makes the calls of the admin API. The daemon carries
// out an accepted upgrade or renew later. [Client.Wait] returns when it has ended:
//
//	err := shop.Upgrade(ctx, code, account, "US")
//	if errors.Is(err, tasks.KeyUsed) {
//		// renew it first
//	}
//	info, err := shop.Wait(ctx, code)
//
// # Errors
//
// Use [errors.Is] and [errors.As] to distinguish errors:
//
//	a refusal of the API         a tasks.Refusal, such as tasks.KeyUsed; any refusal: *RefusedError
//	a problem of the admin API   a Code, such as TaskOpen; any problem: *Problem
//	retry later                  *RetryLaterError: 429 or 503, with the time to wait; also from a
//	                             daemon with --http-status documented, which sends them as 200
//	any other status             *StatusError
//	no response                  ErrNoResponse; also context.DeadlineExceeded if that is the reason
//	an invalid response          ErrInvalidResponse
//	perhaps carried out          ErrUnknown, together with one of the errors above
//
// # Automatic repetition
//
// The client repeats reads a few times. The pauses grow, or have the length that the daemon requests. It also
// repeats [Admin.Issue], because an idempotency key makes the repetition safe.
//
// The client repeats any other request that changes data in two cases only:
//
//   - It certainly sent no part of the request.
//   - The response is a 429, which says that the daemon stored nothing.
//
// If neither is the case and the effect is not known, the error is [ErrUnknown]. For example, a 503 can follow
// a request that was stored: if the database fails during the request, it may have kept the data.
//
// # Secrets
//
// Requests are forms and JSON in bodies. Only the admin API has key codes in URLs.
//
// No error contains a URL, sent data, or an unknown text of a response. The only exceptions are the problems of
// the admin API, because no account is ever sent to that API.
//
// The client does not follow redirects, because a redirect could send secrets to another server.
package client
