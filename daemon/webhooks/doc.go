// Package webhooks sends events to the endpoints of an operator, as signed webhooks (the scheme of
// https://www.standardwebhooks.com). The page daemon/docs/webhooks.md is for the authors of endpoints.
//
//	history ─▶ outbox.Outbox ─▶ Dispatcher ─▶ Events (pure) ─▶ POST, signed ─▶ endpoint
//	                 ▲             │
//	                 └── Settle (pure): delivered, failed (retry later), given up, gone
//
// Events come from the history, which every change writes in its own transaction. There is no separate event
// table, so no event can be lost between the change and the event.
//
// An endpoint gets each event at least once. It gets the events of one key in order. All attempts at an event
// have the same webhook-id. An event that fails delays the later events of its key only.
//
// Low stock is not part of the history. The dispatcher sends its event when a poll finds that the stock of a
// country is low.
//
// An event contains no secret and no login. It names a key by its fingerprint ([keys.FingerprintKey]) and the id of its
// order.
// The dispatcher never calls private addresses unless the operator allows that, whatever a name resolves to.
package webhooks
