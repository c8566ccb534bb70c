package main

// keysCmd groups the commands on keys.
type keysCmd struct {
	Generate keysGenerate `cmd:"" help:"Make new codes and print them, one a line."`
	Import   keysImport   `cmd:"" help:"Import keys from a CSV file, all or none."`
	Export   keysExport   `cmd:"" help:"Print all keys as CSV that imports again unchanged."`
	Show     keysShow     `cmd:"" help:"Tell how a key stands, what can be done, and its whole history."`
	Revoke   keysRevoke   `cmd:"" help:"Withdraw a key. Its open task runs to its end."`
	Restore  keysRestore  `cmd:"" help:"Take a key's revocation back."`
	Reset    keysReset    `cmd:"" help:"Make a key usable again, whatever it was."`
}
