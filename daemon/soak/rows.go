package main

import (
	"strconv"
	"strings"
)

// A row is a promise and the test for it.
type row struct {
	name    string // for --only
	promise string
	pkg     string // package path in the main module
	test    string // as for go test -run
	figure  figure
}

// A figure returns the arguments of a test for a length, which is 1 for the full figure.
type figure func(length float64) []string

var rows = []row{
	{"kill", "accepted tasks survive kill -9 of the daemon, at any moment", blackbox, "TestKilledDaemons|TestCheckerFindsFaults", scaled},
	{"points", "and at each named point, before and after each commit and each send of a task", blackbox, "TestCrashPoints|TestCrashDuringCommit|TestCrashCheckerFindsFaults", scaled},
	{"postgres", "and kill -9 of PostgreSQL", blackbox, "TestKilledPostmaster", scaled},
	{"backend", "and kill -9 of its backends", blackbox, "TestKilledBackends", scaled},
	{"failover", "and a failover to a synchronous standby", blackbox, "TestFailover|TestFailoverCheckerFindsLoss", scaled},
	{"patroni", "and the death of the primary's machine under Patroni", blackbox, "TestPatroni|TestNothingIsAcceptedWithoutStandby", scaled},
	{"network", "a cut, slow, silent or forgetful network to PostgreSQL is harmless", blackbox, "TestBadNetwork", scaled},
	{"provider", "the provider may misbehave", blackbox, "TestProviderMisbehaves|TestProviderRarelyMisbehaves|TestProviderCheckerFindsFaults", scaled},
	{"duplicates", "of identical requests at once exactly one is accepted", blackbox, "TestSimultaneousRequests", scaled},
	{"fleet", "several daemons never oversell, and share the work", blackbox, "TestSeveralDaemons|TestBacklogIsShared", scaled},
	{"idle", "an idle fleet costs its database little", blackbox, "TestIdleDaemonsCostLittle", scaled},
	{"lease", "daemons that lose their leases lose and double nothing", blackbox, "TestStalledDaemons", scaled},
	{"clock", "clocks may be wrong and step", blackbox, "TestClockSteps|TestDaemonClocksDiffer|TestClockCheckerFindsFaults", scaled},
	{"disk", "a full disk loses nothing", blackbox, "TestDiskFull", scaled},
	{"stop", "a stop leaves no lease and loses nothing", blackbox, "TestStopUnderLoad", scaled},
	{"poison", "what cannot be read or answered delays no neighbour", blackbox, "TestPoisonedTasks|TestPoisonCheckerFindsFaults", scaled},
	{"migrate", "kill -9 of a migration, at any moment, leaves the old schema or the new one", blackbox, "TestKilledMigrations", scaled},
	{"collision", "serialization failures and deadlocks are run again", bunstore, "TestCollisions|TestADeadlock", always},
	{"statement", "every statement may fail, in every way", bunstore, "TestEveryStatementMayFail", always},
	{"simulation", "random histories in simulated time break nothing", "./daemon/simulation", "TestNothingBreaks", checks(200_000)},
	{"bugs", "and eight planted bugs are caught", "./daemon/simulation", "TestPlantedBugsAreCaught", always},
	{"linear", "what clients see is linearizable, keys and stock", blackbox, "TestLinearizable|TestSavedHistory", scaled},
	{"model", "the databases do what the model does", bunstore, "TestModel", checks(3_500)}, // about 30 steps each
	{"secrets", "a canary's credentials are found nowhere", blackbox, "TestSecretsLeaveNoTrace|TestCanaryFindsLoggedURL", always},
	{"strangers", "strangers and attackers do not disturb the honest", blackbox, "TestAttacks|TestGuessedKeysAreLimited|TestGuessedKeysAreLimitedAcrossDaemons|TestGuessedKeysAreLimitedOnSlowDatabase|TestAttackCheckerFindsFaults|TestGuessCheckerFindsFaults|TestLeakCheckFindsLeaks", scaled},
	parser("parse-query", "queries", "./daemon", "FuzzQuery"),
	parser("parse-form", "forms", "./daemon", "FuzzForm"),
	parser("parse-code", "codes", "./keys", "FuzzParse"),
	parser("parse-typed", "codes as people type them", "./keys", "FuzzParseTyped"),
	parser("parse-pasted", "codes as people paste them", "./keys", "FuzzPasted"),
	parser("parse-password", "passwords", "./tasks", "FuzzPolicy"),
	parser("parse-keys", "CSV of keys", "./daemon/csvfile", "FuzzKeys"),
	parser("parse-plans", "CSV of plans", "./daemon/csvfile", "FuzzEdits"),
	parser("parse-answer", "the provider's answers", "./adapters/httpconnector", "FuzzAnswer"),
	parser("parse-envelope", "sealed envelopes", "./adapters/keyring", "FuzzOpen"),
}

const (
	blackbox = "./daemon/blackbox"
	bunstore = "./adapters/bunstore"
)

// scaled is the figure of tests that scale their own full figures.
func scaled(length float64) []string {
	return []string{"-args", "-scale", strconv.FormatFloat(length, 'g', -1, 64)}
}

// always is the figure of tests that have only one figure.
func always(float64) []string { return nil }

// checks is the figure of tests with random histories. full is their number at full length.
func checks(full float64) figure {
	return func(length float64) []string { return []string{"-rapid.checks=" + number(full*length)} }
}

// parser returns the row of a fuzz target. It gets a million inputs at full length.
func parser(name, of, pkg, target string) row {
	return row{name, "no input breaks the parsing of " + of, pkg, "^$", func(length float64) []string {
		return []string{"-fuzz", "^" + target + "$", "-fuzztime", number(1e6*length) + "x"}
	}}
}

func number(n float64) string { return strconv.Itoa(max(1, int(n))) }

// chosen returns the rows with the given names, or all rows if only is empty. It also returns the names that
// no row has.
func chosen(only string) (some []row, unknown []string) {
	if only == "" {
		return rows, nil
	}
	for name := range strings.SplitSeq(only, ",") {
		before := len(some)
		for _, r := range rows {
			if r.name == name {
				some = append(some, r)
			}
		}
		if len(some) == before {
			unknown = append(unknown, name)
		}
	}
	return some, unknown
}
