package main

// masterKeyCmd are the commands on a file of master keys.
type masterKeyCmd struct {
	Add   masterKeyAdd   `cmd:"" help:"Make a new key, the first of FILE."`
	Prune masterKeyPrune `cmd:"" help:"Drop the keys of FILE that nothing stored needs."`
}
