// Package operator tests the interfaces for an operator: commands, settings, the admin API, the console, webhooks, logs
// and metrics. The package contains only tests.
package operator
