// Package attacks tests that attackers disturb no other client, and that secrets are found nowhere. The package contains
// only tests.
package attacks
