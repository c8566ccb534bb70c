// Package simulator is a connector for demos and tests. It calls no service. The login determines how a task ends.
//
//	account_locked@example.com ──▶ account_locked, if a task of that kind can end so
//	anybody.else@example.com   ──▶ success
package simulator
