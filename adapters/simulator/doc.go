// Package simulator is a connector that asks nobody: for demos and tests. The login says how a task
// ends.
//
//	account_locked@example.com ──▶ account_locked, if a task of that kind can end so
//	anybody.else@example.com   ──▶ success
package simulator
