// Package blackbox is the index of the tests that use the real program, from outside. It has no code.
//
// The tests build keyseatd and use it as operators and clients do: by its command line, over HTTP, and with signals.
// Most of them run on SQLite and on PostgreSQL. The connector calls a fake provider with a ledger of its own. The login
// in a task determines whether and how this provider misbehaves.
//
//	operator ──▶ keyseatd keys, plans, tasks … ──────▶ ┌──────────┐
//	                                                   │ database │
//	client ──HTTP──▶ keyseatd serve (one or more) ───▶ └──────────┘
//	                      │
//	                      └──HTTP──▶ provider ──▶ its ledger
//
// Apart from keyseat's Go clients, the tests call no function of the program's packages, and use only types and
// constants from them. So a test passes only if the whole program keeps the promise.
//
//   - harness builds and runs the program, its databases, its clients and the browser. The other packages use it.
//   - api has the tests of what holders, shops and the provider see: the API, the clients, the page and the connector.
//   - operator has the tests of what an operator uses: commands, settings, the console, webhooks, logs and metrics.
//   - faults has the tests in which something breaks under load, and the checker that compares what clients, the
//     provider and the database have recorded.
//   - linear tests that the answers to clients are linearizable, whatever breaks.
//   - attacks has the tests with attackers, and the tests that search for leaked secrets.
//
// The flag -scale lengthens the tests of promises that must hold when things break, as daemon/soak does:
//
//	go test ./daemon/blackbox/faults -run KilledDaemons -timeout 0 -args -scale 0.1
//
// # Index
//
// Each promise of the README and of the pages in daemon/docs is followed by the tests that show it. A test
// checks that these tests exist, and that the index names every test.
//
//	The API has the documented paths, methods, sizes, statuses and headers.
//		api.TestPathsServed api.TestMethodsAllowed api.TestMalformedRequestsAreRefused api.TestSizeLimits
//		api.TestResponseCheckFindsFaults
//	A prefetch changes nothing. With --no-get-secrets, requests with secrets need POST.
//		api.TestPrefetchChangesNothing api.TestNoGetSecretsRequiresPOST
//	With --http-status documented every answer has the status 200.
//		api.TestDocumentedStatusIs200
//	info shows the documented fields, and follows the life of a key.
//		api.TestInfoShapes api.TestKeyLifecycle
//	If several rules refuse a request, the first rule determines the message.
//		api.TestFirstMatchingRuleAnswers
//	Every outcome has its message and its effect on the key and the slot.
//		api.TestEveryOutcomeIsShown api.TestOutOfStockEndsImmediately api.TestThreePlansAreTried
//	stock lists the free slots by country, and the oldest plan is sold first.
//		api.TestStockListsFreeSlots api.TestOldestPlanIsTakenFirst api.TestExpiryDateLastsUntilEndOfDay
//	Unknown keys and the tasks of a key are limited, over all daemons.
//		api.TestUnknownKeysAreLimited api.TestUnknownKeysAreCountedBySubnet api.TestUntrustedForwardedForIsIgnored
//		api.TestTasksPerKeyAreLimited api.TestTasksPerKeyAreLimitedAcrossDaemons
//	Codes and fields are read as people paste them.
//		api.TestPastedCodesAreAccepted api.TestPastedForeignCodesAreTrimmed api.TestPastedFieldsAreTrimmed
//	The Go clients read every answer of both APIs.
//		api.TestClientReadsEveryShape api.TestClientKeyLifecycle api.TestClientReportsEveryRefusal
//		api.TestClientReportsRetryLater api.TestAdminClient
//	The connector sends the documented requests, and repeats them with the same idempotency key.
//		api.TestConnectorRequests api.TestEightAttemptsAreTheDefault api.TestRetryAfterIsObeyed
//	Every answer of the provider has its documented effect on the task and the slot.
//		api.TestProviderResponses api.TestRefusedConnectionsLeaveNoDoubt api.TestResolvingOldTaskLeavesKey
//		api.TestEchoedSecretsAreNotStored
//	The page for key holders needs no script and no pointer, and can be switched off.
//		api.TestPageChecksKeys api.TestPageUpgrades api.TestPageRenews api.TestPageShowsLimits
//		api.TestPageShowsUnavailable api.TestPageWorksByKeyboard api.TestPageAnnouncesChanges
//		api.TestPageHasAccessibleNames api.TestPageOff api.TestPageOverPlainHTTP api.TestURLLeaksAreFound
//		api.TestTabReportsPageErrors
//	The page is accessible in every language, reads the key from a link and keeps it, and helps to fill in the form.
//		api.TestPageIsAccessible api.TestAxeFindsFaults api.TestPageRemembersKey api.TestPageHelpsToFillTheForm
//		api.TestPageScreenshots
//
//	The admin API issues the keys of an order once, and answers as its OpenAPI document says.
//		operator.TestRepeatedOrderIssuesKeysOnce operator.TestAdminAPI operator.TestAdminAPIReportsBadInput
//		operator.TestAdminAPIWithoutDatabase operator.TestPublicOpenAPIMatchesResponses
//	A token has a role, and the admin API needs a file of tokens.
//		operator.TestAdminTokenRoles operator.TestAdminAPINeedsTokenFile
//	The console shows what is stored, and changes it only after a confirmation and by the admin API.
//		operator.TestConsoleActions operator.TestConsoleOverview operator.TestConsoleScreenshots
//		operator.TestConsoleWithoutScript operator.TestConsoleOverPlainHTTP
//		operator.TestConsoleRefreshKeepsInput
//	A console session belongs to one token, and forms of other sites are refused.
//		operator.TestConsoleSessions operator.TestConsoleReadOnlyToken operator.TestConsoleOrigins
//		operator.TestConsoleNeedsTokenFile
//	Webhooks are signed, sent at least once, and in order for each key.
//		operator.TestWebhooksAreDelivered operator.TestWebhooksKeepOrderAcrossDaemons
//		operator.TestWebhooksSurviveDaemons operator.TestWebhookReplay
//	Webhooks stop at a 410, avoid private addresses, and follow the file of endpoints.
//		operator.TestWebhook410DisablesEndpoint operator.TestWebhooksAvoidPrivateAddresses
//		operator.TestWebhookFileIsReloaded operator.TestOutboundProxy
//	Wrong calls exit with 2, failures with 1, each with one line that names the cause.
//		operator.TestUsageErrors operator.TestServeErrors operator.TestPostgresNeedsMasterKeys
//		operator.TestPlaintextConnectorNeedsFlag operator.TestInterruptedCommandLeavesNothing
//		operator.TestSIGHUPInterruptsCommand
//	Flags take precedence over variables, and variables over the file. config shows no secret.
//		operator.TestSettingsPrecedence operator.TestSettingsFromVariables operator.TestConfigHidesSecrets
//		operator.TestSecretFilesMustBePrivate
//	An export can be imported. Files of spreadsheets are read, and damaged codes refused.
//		operator.TestExportCanBeImported operator.TestRoundTrip operator.TestSpreadsheetFiles
//	keys show explains a key, and says what to do next.
//		operator.TestSupportWorkflow
//	doctor finds every contradiction, and repairs what is safe to repair.
//		operator.TestDoctorFindsAndRepairs operator.TestDoctorNeedsItsFiles faults.TestDoctorFindsNothingUnderLoad
//	archive moves finished tasks into files, and loses nothing.
//		operator.TestArchiveMovesFinishedTasks operator.TestKilledArchiveLosesNothing
//		operator.TestUnwritableArchiveTakesNothing
//	A backup is consistent, and a restored database serves.
//		operator.TestBackupAndRestore operator.TestPostgresBackup
//	Master keys can be rotated. No master key is made while open tasks need a missing one.
//		operator.TestMasterKeyRotation operator.TestNoNewMasterKeyForOpenTasks operator.TestMasterKeyInUseIsKept
//		operator.TestDaemonRotatesMasterKeys operator.TestMissingMasterKeyIsNoAttempt
//		operator.TestMasterKeyFileHasDatabaseOwner
//	An SQLite file has one daemon, and a daemon notices that its file is gone.
//		operator.TestSQLiteFileHasOneDaemon operator.TestHardLinkedDatabaseIsRefused
//		operator.TestMovedDatabaseFileIsNotReady
//	PostgreSQL needs only the documented roles, works behind PgBouncer, and gets few statements from idle daemons.
//		operator.TestDatabaseRoles operator.TestOldSchemaIsReported operator.TestPgBouncer
//		operator.TestIdleDaemonsCostLittle operator.TestSimultaneousMigrations
//	Settings of a server that can lose confirmed commits are reported.
//		operator.TestNotDurableSettingsAreReported
//	The log has one line for each cause, however often it happens.
//		operator.TestRefusedClientsAreLoggedOnce operator.TestDatabaseFailureIsLoggedOnce
//		operator.TestFailedAttemptsAreLoggedOnce operator.TestFailedWebhooksAreLoggedOnce
//	Metrics match what happened. The dashboard and the alerts use existing metrics.
//		operator.TestMetricsMatchActivity operator.TestMetricsWithoutDatabase operator.TestDashboardLayout
//		operator.TestDashboardExpressions operator.TestDashboardAndAlertsUseExistingMetrics operator.TestAlertRules
//		operator.TestPromQLParser
//	Signals stop a daemon, make it read its files again, or end it immediately.
//		operator.TestSIGHUPReadsFilesAgain operator.TestStopIsLogged operator.TestSecondSignalEndsDrain
//		operator.TestBrokenLogPipe
//	What the README, the pages and the demo print works as printed.
//		operator.TestDemo operator.TestREADMECalls operator.TestREADMEOrders operator.TestREADMEWebhooks
//		operator.TestREADMEOnSQLite operator.TestREADMEOnPostgres operator.TestREADMEEmbeds
//		operator.TestREADMECommands operator.TestExamplesMountBothPaths operator.TestFirstShop
//
//	Accepted tasks survive kill -9 of the daemon, at any moment and at each named point.
//		faults.TestKilledDaemons faults.TestCrashPoints faults.TestCrashDuringCommit
//		faults.TestCrashCheckerFindsFaults
//	Accepted tasks survive kill -9 of PostgreSQL and its backends, and daemons answer while it is away.
//		faults.TestKilledPostmaster faults.TestKilledBackends faults.TestDatabaseOutage
//	Accepted tasks survive a failover, also under Patroni.
//		faults.TestFailover faults.TestFailoverCheckerFindsLoss faults.TestNothingIsAcceptedWithoutStandby
//		faults.TestPatroni
//	A network to PostgreSQL that is slow or silent, cuts connections or loses responses to COMMITs is harmless.
//		faults.TestBadNetwork
//	The provider may misbehave.
//		faults.TestProviderMisbehaves faults.TestProviderRarelyMisbehaves faults.TestProviderCheckerFindsFaults
//	Of simultaneous identical requests exactly one is accepted, and slots are never oversold.
//		faults.TestSimultaneousRequests faults.TestScarceSlots
//	Several daemons never oversell, and share the work.
//		faults.TestSeveralDaemons faults.TestBacklogIsShared
//	Daemons that lose their leases lose no task and do none twice.
//		faults.TestStalledDaemon faults.TestStalledDaemons
//	Clocks may be wrong and step.
//		faults.TestClockSteps faults.TestDaemonClocksDiffer faults.TestClockCheckerFindsFaults
//	A full disk loses nothing, and /readyz reports it.
//		faults.TestDiskFull faults.TestFullDiskIsNotReady
//	A stop leaves no lease and loses nothing.
//		faults.TestStopUnderLoad faults.TestDrainRefusesNewRequests faults.TestDrainTimesOut
//	A task that cannot be read or carried out delays no other task.
//		faults.TestPoisonedTasks faults.TestPoisonCheckerFindsFaults
//	kill -9 of a migration leaves the old schema or the new one.
//		faults.TestKilledMigrations
//	The checker of the journals finds every kind of fault.
//		faults.TestCheckerFindsFaults
//
//	What clients see is linearizable, keys and stock.
//		linear.TestLinearizable linear.TestSavedHistory linear.TestStaleReadIsFound
//
//	Attackers do not disturb honest clients, and take no memory.
//		attacks.TestAttacks attacks.TestAttackCheckerFindsFaults attacks.TestLeakCheckFindsLeaks
//	Guessed keys are limited for each address.
//		attacks.TestGuessedKeysAreLimited attacks.TestGuessedKeysAreLimitedAcrossDaemons
//		attacks.TestGuessedKeysAreLimitedOnSlowDatabase attacks.TestGuessCheckerFindsFaults
//	A read token reveals no whole code, and lists of whole codes are audited.
//		attacks.TestReadTokenRevealsNoCode
//	Tokens of other shops, expired and unknown tokens reveal nothing of an order, and lock out no client.
//		attacks.TestOtherTokensAreHarmless
//	The account of an ended task cannot be recovered from the database, its log or a backup, after its master key is gone.
//		attacks.TestEndedAccountsCannotBeRecovered
//	IPv6 networks have limits too.
//		attacks.TestGuessesFromOneNetworkAreLimited
//	Each wrong login makes its key wait longer. An account is tested only a few times, and a key tests few accounts.
//		attacks.TestCredentialsCannotBeTestedInBulk
//	A process gets no core dump, and its user cannot read its memory.
//		attacks.TestMemoryIsNotDumped
//	Without TLS, a daemon serves this machine only, unless a flag allows more.
//		attacks.TestPlaintextMustBeAllowed
//	A canary's credentials are found nowhere.
//		attacks.TestSecretsLeaveNoTrace attacks.TestConsoleShowsNoSecret attacks.TestCanaryFindsLoggedURL
//		attacks.TestUnsolicitedResponseIsNotLogged
package blackbox
