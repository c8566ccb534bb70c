package main

import (
	"context"

	"github.com/alecthomas/kong"
)

// commands are all commands and global flags.
type commands struct {
	Serve      serveCmd      `cmd:"" help:"Serve the API and carry out its tasks."`
	Demo       demoCmd       `cmd:"" help:"Try everything in one process, with nothing to set up."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database's schema up to date."`
	MasterKey  masterKeyCmd  `cmd:"" help:"Manage the file of master keys."`
	AdminToken adminTokenCmd `cmd:"" help:"Manage the file of the admin API's tokens."`
	Keys       keysCmd       `cmd:"" help:"Generate, import, export and manage keys."`
	Plans      plansCmd      `cmd:"" help:"Import, list, retire and release plans."`
	Tasks      tasksCmd      `cmd:"" help:"List, retry and resolve tasks."`
	Activity   activityCmd   `cmd:"" help:"List the actions of operators: who did what, when and from where."`
	Find       findCmd       `cmd:"" help:"Find keys, orders, usernames, tasks and plans by a text."`
	Stock      stockCmd      `cmd:"" help:"Show the slots of each country."`
	Webhooks   webhooksCmd   `cmd:"" help:"List, replay and test webhooks."`
	Connector  connectorCmd  `cmd:"" help:"Test the service that carries out tasks."`
	Completion completionCmd `cmd:"" help:"Print the completion script of a shell."`
	Complete   completeCmd   `cmd:"" hidden:"" passthrough:"" help:"Complete a command line."`
	Man        manCmd        `cmd:"" hidden:"" help:"Print the manual page."`
	Check      checkCmd      `cmd:"" help:"Check whether a daemon would serve a request now."`
	Doctor     doctorCmd     `cmd:"" help:"Find and repair inconsistencies in the database."`
	Archive    archiveCmd    `cmd:"" help:"Move finished tasks and history out of the database, into CSV files."`
	Backup     backupCmd     `cmd:"" help:"Copy an SQLite database to a file, while daemons serve."`
	Restore    restoreCmd    `cmd:"" help:"Replace an SQLite database with a backup."`
	Settings   configCmd     `cmd:"" name:"config" help:"Show the settings of serve and the source of each."`
	Build      versionCmd    `cmd:"" name:"version" help:"Show the version, the sources and the toolchain of this program."`

	Config  string           `placeholder:"FILE" help:"JSON file of the flags of serve: {\"workers\": 32}. Flags and variables override it."`
	Version kong.VersionFlag `short:"v" help:"Show the version."`
}

// A command does its work in Run. A signal cancels the context.
type command interface {
	Run(ctx context.Context, c stdio) error
}
