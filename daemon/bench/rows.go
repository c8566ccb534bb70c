package main

import "context"

// A row is one measurement of the report. It may fill several lines of the table.
type row struct {
	number int
	name   string
	run    func(ctx context.Context, b *bench) ([]result, error)
}

var rows = []row{
	{1, "info, 256 connections", rowInfo},
	{2, "info, 1 connection", rowInfoAlone},
	{3, "upgrade accepted and durable, 256 connections", rowUpgrade},
	{4, "upgrade, 1 connection", rowUpgradeAlone},
	{5, "tasks leased, asked and settled", rowWork},
	{6, "upgrade on SQLite, 64 connections", rowSQLite},
	{7, "stock with 100,000 plans in 200 countries", rowStock},
	{8, "from accepted to asked", rowDelay},
	{9, "import of 1,000,000 keys", rowImport},
	{10, "info among 10,000,000 keys", rowSize},
	{11, "resident memory", rowMemory},
	{12, "start to ready, SQLite, empty", rowStart},
}
