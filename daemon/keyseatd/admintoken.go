package main

// adminTokenCmd are the commands on a file of the admin API's tokens.
type adminTokenCmd struct {
	Add adminTokenAdd `cmd:"" help:"Make a new token and add it to FILE."`
}
