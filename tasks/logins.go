package tasks

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/keys"
)

// The limits on tests of logins. A test is a task whose login the provider may have checked. The limits bound what
// holders of keys can find out about other people's credentials. maxLoginTests bounds the passwords that a holder of
// many keys can try for one login. maxKeyLogins bounds the logins that a holder of one key can try, even with right
// passwords.
//
// With the default rules, maxLoginTests is also the number of logins that can fail for one key on its first day. So a
// person with one key never reaches maxLoginTests. LoginTestTTL is short, because another person with several keys can
// use up the tests of somebody's login.
const (
	maxLoginTests = 10             // the maximum number of tests of a login with any key in LoginTestTTL
	maxKeyLogins  = 10             // the maximum number of different logins of a key in KeyLoginTTL
	LoginTestTTL  = 6 * time.Hour  // the period in which the tests of a login are counted; it starts with the first test
	KeyLoginTTL   = 24 * time.Hour // how long a tested login stays among the logins of a key
)

// A LoginCounter counts tests of logins, for all daemons that share a database. Expired counts disappear. Counts may be
// lost when the database crashes or the master keys rotate. A LoginCounter is safe for concurrent use.
type LoginCounter interface {
	// CountLogins counts the tests in order, and returns for each test the counts after that test. The number of a
	// key's logins may already include logins of later tests in the same call.
	CountLogins(ctx context.Context, tests []LoginTest) ([]LoginCounts, error)

	// ReleaseLogins removes tests that did not fail from the counts. For a test that succeeded, it removes all tests of
	// the login, and removes the login from the logins of the key.
	ReleaseLogins(ctx context.Context, tests []LoginTest) error
}

// A LoginTest is a test of a login with a key.
type LoginTest struct {
	Login     string // a keyed hash of the normalized login
	Code      keys.Code
	Succeeded bool // the task succeeded; only ReleaseLogins reads this field
}

// LoginCounts are the counts after a test. They include that test.
type LoginCounts struct {
	Tests  int // the number of tests of the login with any key in the current period of LoginTestTTL, without released tests
	Logins int // the number of different logins of the key in the last KeyLoginTTL
}

// loginLimit returns why the provider must not check another login now, or "".
func loginLimit(c LoginCounts) string {
	switch {
	case c.Tests > maxLoginTests:
		return "the provider was not called, because too many tasks with this login have failed in the last hours"
	case c.Logins > maxKeyLogins:
		return "the provider was not called, because this key had too many different logins today"
	}
	return ""
}
