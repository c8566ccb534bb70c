package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A row is a promise and the test for it.
type row struct {
	name    string // the name of the row for --only
	promise string
	pkg     string // the path of the package in the main module
	test    string // the value of the flag -run of go test
	args    argsFunc
}

// An argsFunc returns the further arguments of go test for a length, which is 1 for the full length.
type argsFunc func(length float64) []string

var rows = []row{
	{"kill", "accepted tasks survive kill -9 of the daemon, at any moment", faults, "TestKilledDaemons|TestCheckerFindsFaults", scaled},
	{"points", "and at each named point, before and after each commit and each send of a task", faults, "TestCrashPoints|TestCrashDuringCommit|TestCrashCheckerFindsFaults", scaled},
	{"postgres", "and kill -9 of PostgreSQL", faults, "TestKilledPostmaster", scaled},
	{"backend", "and kill -9 of its backends", faults, "TestKilledBackends", scaled},
	{"failover", "and a failover to a synchronous standby", faults, "TestFailover|TestFailoverCheckerFindsLoss", scaled},
	{"patroni", "and the death of the primary's machine under Patroni", faults, "TestPatroni|TestNothingIsAcceptedWithoutStandby", scaled},
	{"network", "a cut, slow, silent or forgetful network to PostgreSQL is harmless", faults, "TestBadNetwork", scaled},
	{"provider", "the provider may misbehave", faults, "TestProviderMisbehaves|TestProviderRarelyMisbehaves|TestProviderCheckerFindsFaults", scaled},
	{"duplicates", "of identical simultaneous requests, exactly one is accepted", faults, "TestSimultaneousRequests", scaled},
	{"daemons", "several daemons never oversell, and share the work", faults, "TestSeveralDaemons|TestBacklogIsShared", scaled},
	{"idle", "idle daemons cost their database little", operator, "TestIdleDaemonsCostLittle", scaled},
	{"lease", "daemons that lose their leases lose no task and do none twice", faults, "TestStalledDaemons", scaled},
	{"clock", "clocks may be wrong and step", faults, "TestClockSteps|TestDaemonClocksDiffer|TestClockCheckerFindsFaults", scaled},
	{"disk", "a full disk loses nothing", faults, "TestDiskFull", scaled},
	{"stop", "a stop leaves no lease and loses nothing", faults, "TestStopUnderLoad", scaled},
	{"poison", "a task that cannot be read or settled delays no other", faults, "TestPoisonedTasks|TestPoisonCheckerFindsFaults", scaled},
	{"migrate", "kill -9 of a migration, at any moment, leaves the old schema or the new one", faults, "TestKilledMigrations", scaled},
	{"collision", "serialization failures and deadlocks are retried", bunstore, "TestCollisions|TestADeadlock", sameArgs},
	{"statement", "every statement may fail, in every way", bunstore, "TestEveryStatementMayFail", everyMode},
	{"simulation", "random histories in simulated time break nothing", "./daemon/simulation", "TestRandomHistoriesKeepInvariants", rapidChecks(200_000)},
	{"bugs", "and planted bugs are found", "./daemon/simulation", "TestPlantedBugsAreFound", sameArgs},
	{"linear", "what clients see is linearizable, keys and stock", linear, "TestLinearizable|TestSavedHistory|TestStaleReadIsFound", scaled},
	{"model", "the databases behave as the store in memory", bunstore, "TestModel", rapidChecks(3_500)}, // histories of about 30 steps
	{"secrets", "a canary's credentials are found nowhere", attacks, "TestSecretsLeaveNoTrace|TestCanaryFindsLoggedURL", sameArgs},
	{"attacks", "guesses and attacks do not disturb other clients", attacks, "TestAttacks|TestGuessedKeysAreLimited|TestGuessedKeysAreLimitedAcrossDaemons|TestGuessedKeysAreLimitedOnSlowDatabase|TestAttackCheckerFindsFaults|TestGuessCheckerFindsFaults|TestLeakCheckFindsLeaks", scaled},
	fuzz("parse-query", "queries", "./daemon", "FuzzQuery"),
	fuzz("parse-form", "forms", "./daemon", "FuzzForm"),
	fuzz("parse-code", "codes", "./keys", "FuzzParse"),
	fuzz("parse-typed", "codes as people type them", "./keys", "FuzzParseTyped"),
	fuzz("parse-pasted", "codes as people paste them", "./keys", "FuzzPasted"),
	fuzz("parse-password", "passwords", "./tasks", "FuzzPolicy"),
	fuzz("parse-keys", "CSV of keys", "./daemon/csvfile", "FuzzKeys"),
	fuzz("parse-plans", "CSV of plans", "./daemon/csvfile", "FuzzPlans"),
	fuzz("parse-answer", "the provider's answers", "./adapters/httpconnector", "FuzzResponse"),
	fuzz("parse-envelope", "sealed envelopes", "./adapters/keyring", "FuzzOpen"),
}

const (
	operator = "./daemon/blackbox/operator"
	faults   = "./daemon/blackbox/faults"
	linear   = "./daemon/blackbox/linear"
	attacks  = "./daemon/blackbox/attacks"
	bunstore = "./adapters/bunstore"
)

// scaled returns the arguments for tests that multiply their numbers of trials by the flag -scale.
func scaled(length float64) []string {
	return []string{"-args", "-scale", strconv.FormatFloat(length, 'g', -1, 64)}
}

// sameArgs returns no arguments, for tests that take the same time at every length.
func sameArgs(float64) []string { return nil }

// everyMode returns the arguments with which a test makes every statement fail in every mode, whatever the length.
func everyMode(float64) []string { return []string{"-args", "-every-mode"} }

// rapidChecks returns the argsFunc for tests with random histories. The number of histories at full length is full.
func rapidChecks(full float64) argsFunc {
	return func(length float64) []string { return []string{"-rapid.checks=" + atLeastOne(full*length)} }
}

// fuzz returns the row of a fuzz target. At full length, the target gets a million inputs.
func fuzz(name, inputs, pkg, target string) row {
	return row{name, "no input breaks the parsing of " + inputs, pkg, "^$", func(length float64) []string {
		return []string{"-fuzz", "^" + target + "$", "-fuzztime", atLeastOne(1e6*length) + "x"}
	}}
}

func atLeastOne(n float64) string { return strconv.Itoa(max(1, int(n))) }

// selectRows returns the rows that a list names, with commas between the names. For an empty list it returns all rows.
// The error has the names that no row has.
func selectRows(only string) (selected []row, err error) {
	if only == "" {
		return rows, nil
	}
	var unknown []string
	for name := range strings.SplitSeq(only, ",") {
		if i := slices.IndexFunc(rows, func(r row) bool { return r.name == name }); i >= 0 {
			selected = append(selected, rows[i])
		} else {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		err = fmt.Errorf("no such promise: %s; --list names them", strings.Join(unknown, ", "))
	}
	return selected, err
}
