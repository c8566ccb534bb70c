// Package faults tests what keyseat promises when things break. The package contains only tests.
//
// In most of these tests a load runs while something breaks: clients upgrade and renew keys of their own. Afterwards
// a checker compares three independent sources:
//
//	load ──────▶ journal of the clients ─┐
//	provider ──▶ ledger ─────────────────┼──▶ checker: promises
//	daemons ───▶ database ───────────────┘
//
// The checker is tested too: TestCheckerFindsFaults seeds faults into the sources, at least one for each promise.
package faults
