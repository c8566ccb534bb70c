// Package connectortest tests whether connectors keep the contract of [tasks.Connector]. It also has a fake of
// a provider's service for such tests.
//
// [Run] is the conformance suite. The test of a connector is a few lines. They define how to make a connector and
// how to provoke an outcome:
//
//	func TestContract(t *testing.T) {
//		connectortest.Run(t, func(t testing.TB) connectortest.Subject {
//			return connectortest.Subject{Connector: mine.New(), Slow: mine.NewSlow(), Login: mine.LoginFor}
//		})
//	}
//
// A [Provider] is a fake of the service behind the HTTP connector. It keeps a ledger of the work that it has done
// for each idempotency key, independently of any database of keyseat. The words of the login define how it
// misbehaves:
//
//	cut_after+503=2+success@example.com
//	│         │     │
//	│         │     └─ the third and all later attempts: 200 with that outcome
//	│         └─ the second attempt of the key: 503 with Retry-After: 2
//	└─ the first attempt: carried out, but the connection is cut before the response
//
// [Provider] lists the words.
package connectortest
