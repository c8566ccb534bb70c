package main

// adminTokenCmd groups the commands on the file of admin tokens.
type adminTokenCmd struct {
	Add adminTokenAdd `cmd:"" help:"Make a new token and add it to FILE."`
}
