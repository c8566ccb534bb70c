package main

// masterKeyCmd groups the commands on the file of master keys.
type masterKeyCmd struct {
	Add   masterKeyAdd   `cmd:"" help:"Make a new key, the first of FILE."`
	Prune masterKeyPrune `cmd:"" help:"Drop the keys of FILE that nothing stored needs."`
}
