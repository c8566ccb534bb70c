package main

// tasksCmd groups the commands on tasks.
type tasksCmd struct {
	List    tasksList    `cmd:"" help:"List tasks, the oldest first."`
	Retry   tasksRetry   `cmd:"" help:"Make an open task due now."`
	Resolve tasksResolve `cmd:"" help:"Settle the suspect slot of a task."`
}
