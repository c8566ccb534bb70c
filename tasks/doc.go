// Package tasks decides how an accepted upgrade or renew continues and ends.
//
// An upgrade puts an account into a family plan. A renew makes the key of an account that has lost its place usable
// again. Each accepted request is a [Task].
//
// The package separates decisions from effects. Pure functions ([Rules.Accept], [Rules.Settle], …) read a [Snapshot] of
// a key and its task. They return everything to write as one value, a [Change]. The ports have the effects:
//
//   - A [Store] applies changes, many in one call. It applies each change completely or not at all, and knows no rule.
//   - A [Connector] sends requests to the provider.
//   - A [Sealer] encrypts accounts, so that no store sees a secret.
//
// An [Engine] connects the rules with the ports. Its methods serve the four calls of the API, lease tasks,
// make attempts and apply an operator's changes. The caller provides goroutines, clocks and randomness.
//
//	request ─▶ Engine.Accept ─▶ Store.Apply ─┐
//	                                         ├─ Snapshot ─▶ Rules.Accept ─▶ Change
//	                                         └─ the store writes the Change (the task is stored)
//
//	           Engine.Lease ◀──────────────────────────── due tasks ── Store
//	               │ Job
//	               ▼
//	           Engine.Call ─▶ Connector.Do ─▶ ConnectorResult
//	               │ Attempt
//	               ▼
//	           Engine.Settle ─▶ Rules.Settle ─▶ Change ─▶ Store      (ended, or due again later)
//
// [Engine.Work] combines Call and Settle in one call, for a simple worker. The daemon calls Call and Settle separately,
// because Call for the next task can start while Settle stores the result of the last task.
//
// A store has a second port, adminstore.AdminStore, for an operator's lists and imports. The suite in adapters/storetest
// tests both. A store can implement further ports. All but the first one are packages below this one:
//
//   - [LoginCounter] for the limits on tests of logins;
//   - outbox.Outbox for deliveries to subscribers;
//   - audit.Inspector for checks and repairs;
//   - stats.TaskStats for monitoring;
//   - activity.Store for the actions of operators;
//   - archive.Archiver for finished tasks.
//
// A task is open until a change ends it. Each lease raises the fence of its task. A write with an older
// fence changes nothing. The task of an upgrade holds one slot of a plan; the task of a renew holds no
// slot. When the task ends, its slot becomes:
//
//   - spent after a success;
//   - free after any other certain outcome, or if no attempt can have had an effect;
//   - suspect if an attempt may have had an effect and its result is unknown.
package tasks
