// Package harness runs the real program for the tests of the other packages in daemon/blackbox.
//
// A [Shop] is a database, the command line of its operator, and a provider. A [Daemon] is a running keyseatd serve. All
// processes end with the test that starts them. Finally the shop checks all calls of the provider against its protocol.
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

import "testing"

// Main runs the tests of a package, stops the browser, and removes the built programs. TestMain exits with its result.
func Main(m *testing.M) int {
	defer func() {
		stopBrowser()
		removeFolder()
	}()
	return m.Run()
}
