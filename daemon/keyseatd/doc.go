// Command keyseatd serves keyseat's API and is its operator's tool.
//
// Each command is a type with the flags as its fields and a method Run, in a file of its own;
// [commands] lists them. What Run returns becomes the exit status and the one line on standard
// error. Everything a command may touch comes in through [run]: nothing here reads the process's
// arguments, environment or streams but main.
//
//	arguments ┐
//	KEYSEAT_… ┤
//	--config  ┴─▶ kong ─▶ a command's fields ─▶ check ─▶ Run(ctx, console) ─▶ 0
//	                │                            │         │
//	                └──────▶ usageError ◀────────┘         └▶ error ─▶ 1
//	                            └▶ 2
package main
