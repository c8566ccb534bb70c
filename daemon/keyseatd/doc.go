// Command keyseatd serves keyseat's API and is the tool for its operators.
//
// Each command is a type in a file of its own. Its fields are the flags, and its method Run does the work.
// [commands] lists all commands. The error of Run determines the exit status, and its text is the one line
// on standard error.
//
// Everything that a command needs from the process is a parameter of [run]. Only main reads the process's
// arguments, environment and streams.
//
//	arguments ┐
//	KEYSEAT_… ┤
//	--config  ┴─▶ kong ─▶ a command's fields ─▶ check ─▶ Run(ctx, console) ─▶ 0
//	                │                            │         │
//	                └──────▶ usageError ◀────────┘         └▶ error ─▶ 1
//	                            └▶ 2
package main
