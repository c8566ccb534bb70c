// Package blackbox holds keyseatd to what it promises, seen from outside. It has tests and nothing
// else.
//
// The tests build the program once and use it as an operator and a client would: by its command line,
// over HTTP, by signals. Each runs on SQLite and on PostgreSQL, with a provider's service on the other
// side of the connector, which keeps a ledger of its own and misbehaves as the logins tell it to.
//
//	operator ──▶ keyseatd keys, plans, tasks … ──▶ ┌──────────┐
//	                                               │ database │
//	client ──HTTP──▶ keyseatd serve (one or more) ─▶└──────────┘
//	                      │
//	                      └──HTTP──▶ provider ──▶ its ledger
//
// Nothing is asked of the program's packages, so that a promise is kept only if the whole keeps it.
package blackbox
