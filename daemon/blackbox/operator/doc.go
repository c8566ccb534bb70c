// Package operator tests what an operator uses: commands, settings, the admin API, the console, webhooks, logs and
// metrics. The package contains only tests.
package operator
