// Package webhooks tells endpoints of an operator's what happens, by signed webhooks (the scheme of
// https://www.standardwebhooks.com).
//
//	history ─▶ tasks.Outbox ─▶ Dispatcher ─▶ Events (pure) ─▶ POST, signed ─▶ endpoint
//	                 ▲            │
//	                 └── Settle (pure): told, again later, given up, gone
//
// The history, which every change writes in its own transaction, is what is told: there is no second
// account of what has happened, and nothing can be lost between the two. An endpoint gets each event
// at least once, those of one key in their order, each attempt with the same webhook-id. An event that
// fails holds up its key and no other. That the stock is low is no part of the history: it is told when
// it is seen.
//
// Nothing secret is in an event: no login, and of a key only its fingerprint ([daemon.Fingerprint]).
// Private addresses are never called unless that is allowed, whatever a name resolves to.
package webhooks
