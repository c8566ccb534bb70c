package main

// plansCmd groups the commands on plans.
type plansCmd struct {
	Import  plansImport  `cmd:"" help:"Import plans from a CSV file, all or none; a known id is updated."`
	List    plansList    `cmd:"" help:"List all plans in the order of import."`
	Retire  plansRetire  `cmd:"" help:"Take a plan out of stock."`
	Release plansRelease `cmd:"" help:"Give back the slot of a member who has left the plan."`
}
