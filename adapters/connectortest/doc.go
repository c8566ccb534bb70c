// Package connectortest holds connectors to the contract of [tasks.Connector], and has a provider's
// service to try them on.
//
// [Run] is the conformance suite. A connector's own test is a few lines, which tell it how to make
// one and how to provoke an outcome:
//
//	func TestContract(t *testing.T) {
//		connectortest.Run(t, func(t testing.TB) connectortest.Subject {
//			return connectortest.Subject{Connector: mine.New(), Slow: mine.NewSlow(), Login: mine.LoginFor}
//		})
//	}
//
// A [Provider] is a fake of the service behind the HTTP connector. It keeps a ledger of what it has
// done for each idempotency key, apart from any database of ours, and misbehaves as the login tells
// it to:
//
//	cut_after+503=2+success@example.com
//	│         │     │
//	│         │     └─ then, and for all later askings: 200 with that outcome
//	│         └─ the second asking of the key: 503 with Retry-After: 2
//	└─ the first asking: carried out, but the connection is cut before the answer
//
// What the words mean stands at [Provider].
package connectortest
