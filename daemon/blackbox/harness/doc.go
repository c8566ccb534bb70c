// Package harness runs the real program for the tests of the other packages in daemon/blackbox.
//
// A [Shop] is a database, the command line of its operator, and a provider. A [Daemon] is a running keyseatd serve.
// Everything that a test starts ends with the test. Then the provider must have been called as its protocol says.
//
//	Shop ──Exec──▶ keyseatd keys, plans … ──▶ database ◀── Database (edits and reads it directly)
//	  │                                          ▲
//	  └─Serve──▶ Daemon ── Proxy (a bad network) ┘
//	               │  ▲
//	               │  └── Get, Post, Info … · Operator (admin API) · Session (console) · Tab (browser) · Scrape (metrics)
//	               └────▶ Provider, with a ledger of its own
//
// Methods that check a result, such as Expect and MustExec, fail the test themselves.
package harness
