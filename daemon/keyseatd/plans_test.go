package main

import (
	"testing"
)

const somePlans = `id,country,address,invite,slots,expires_at
elm,us,"1 High Street
Springfield",https://provider.example/elm,6,
oak,DE,,,5,2030-01-02
ash,US,,,0,2020-01-02
`

func TestPlans(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		sh.golden(sh.ok("plans", "import", sh.file("plans.csv", somePlans)), "imported: 3 plans (3 new)\n")
		sh.feed("slots,id,country,expires_at\n7,oak,de,\n", "plans", "import", "-")
		sh.golden(sh.ok("plans", "retire", "elm"), "the plan is retired\n")
		sh.golden(sh.ok("plans", "list"), `
ID  COUNTRY  STATE  SLOTS  FREE  HELD  SPENT  SUSPECT  IDLE  EXPIRES  ADDRESS
elm  US  retired  6  0  0  0  0  6  -  1 High Street Springfield
oak  DE  live  7  7  0  0  0  0  -  -
ash  US  expired  0  0  0  0  0  0  TIME  -
`)
		sh.golden(sh.ok("plans", "list", "--output", "json"), `
[
{"id":"elm","country":"US","state":"retired","slots":6,"free":0,"held":0,"spent":0,"suspect":0,"idle":6,"expires_at":null,"address":"1 High Street\nSpringfield","invite":"https://provider.example/elm"},
{"id":"oak","country":"DE","state":"live","slots":7,"free":7,"held":0,"spent":0,"suspect":0,"idle":0,"expires_at":null,"address":"","invite":""},
{"id":"ash","country":"US","state":"expired","slots":0,"free":0,"held":0,"spent":0,"suspect":0,"idle":0,"expires_at":"TIME","address":"","invite":""}
]
`)
		sh.golden(sh.ok("stock"), `
COUNTRY  SIZE  FREE  HELD  SPENT  SUSPECT  IDLE
DE  7  7  0  0  0  0
US  6  0  0  0  0  6
`)
		sh.golden(sh.ok("stock", "--output=json"), `
[
{"country":"DE","size":7,"free":7,"held":0,"spent":0,"suspect":0,"idle":0},
{"country":"US","size":6,"free":0,"held":0,"spent":0,"suspect":0,"idle":6}
]
`)
		again := "slots,id,country\n6,elm,us\n9,oak,de\n1,fir,fr\n9,oak,de\n"
		sh.golden(sh.feed(again, "plans", "import", "-"), "imported: 4 plans (1 new, 1 updated, 1 back in stock, 1 unchanged)\n")
		if state := sh.rows("plans", "list")[0]["state"]; state != "live" {
			sh.Errorf("imported again, the plan is %v", state)
		}
	})
}

// TestRestock puts a retired plan back, and refuses a plan that would stay out of stock.
func TestRestock(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		sh.feed(somePlans, "plans", "import", "-")
		sh.ok("plans", "retire", "elm")
		for range 2 {
			sh.golden(sh.ok("plans", "restock", "elm"), "the plan is back in stock\n")
		}
		if elm := sh.rows("plans", "list")[0]; elm["state"] != "live" || elm["free"] != 6.0 || elm["idle"] != 0.0 {
			sh.Errorf("put back, the plan is %v", elm)
		}
		sh.fails(exitFailed, "the plan expired at 2020-01-03T00:00:00Z: import it with a later expires_at", "", "plans", "restock", "ash")
		sh.fails(exitFailed, "there is no such plan", "", "plans", "restock", "none")
	})
}

func TestPlansFaults(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		sh.ok("migrate")
		for file, want := range map[string]string{
			"id,country\np,US\n":                         "line 1: the column slots is missing",
			"id,country,slots,size\np,US,1,1\n":          "line 1: column 4 (size) is not one of id,country,",
			"id,country,slots\np,US,1\nq,UK,1\n":         "line 3: country must be an ISO 3166-1",
			"id,country,slots\np,US,1\nq,US,-1\n":        "line 3: slots must be a number from 0",
			"id,country,slots\np,US,1\na b,US,1\n":       "line 3: id must be 1 to 128",
			"id,country,slots,expires_at\np,US,1,soon\n": "line 2: expires_at must be a time",
		} {
			sh.fails(exitFailed, want, file, "plans", "import", "-")
		}
		sh.golden(sh.ok("plans", "list", "--output", "json"), "[]\n")
		sh.golden(sh.ok("stock", "--output", "json"), "[]\n")
		sh.fails(exitFailed, "there is no such plan", "", "plans", "retire", "p")
	})
}
