// Package worker carries out accepted tasks.
//
// A [Pool] leases due tasks from a store, calls the connector for several of them simultaneously, and
// settles each task with the result. Any number of daemons may run a pool on the same store.
//
//	due ──poll──▶ waiting ──dispatch──▶ calling ──release──▶ settling ──done──▶ settled
//	                 │ slow or stopping     (up to Workers)      (with calling up to 2×Workers)
//	                 ▼
//	           lease returned
//
// A lease is exclusive, and heartbeats extend it until the task is settled. If a daemon dies, its leases
// expire, and another daemon leases the tasks. A pool cancels its work on a task whose lease is lost.
//
// A poll happens after each interval, after [Pool.Wake], and when the pool has capacity and more tasks
// may be due. Run's context ends the polls. The connector calls have a context of their own, which ends
// shortly before the drain is over. The context of settling ends when the lease is lost or the drain is over.
package worker
