package tasks

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/keys"
)

// The limits on tests of logins. A test is a task whose login the provider may have checked. The limits bound what holders
// of keys can find out about other people's credentials: with many keys, or with one key and right passwords.
//
// maxLoginTests is the number of logins that can fail for one key on its first day. So a person with one key never
// reaches it. LoginTestTTL is short, because another person with several keys can use up the tests of a login.
const (
	maxLoginTests = 10            // per login, over all keys, in LoginTestTTL
	maxKeyLogins  = 10            // different logins per key in KeyLoginTTL
	LoginTestTTL  = 6 * time.Hour // the length of a login's window, which starts with its first test
	KeyLoginTTL   = 24 * time.Hour
)

// A LoginCounter counts tests of logins, for all daemons that share a database. Expired counts disappear. Counts may be
// lost when the database crashes or the master keys rotate. A LoginCounter is safe for concurrent use.
type LoginCounter interface {
	// CountLogins counts the tests in order, and returns for each the counts after it. The logins of a key may include
	// those of later tests in the call.
	CountLogins(ctx context.Context, tests []LoginTest) ([]LoginCounts, error)

	// ReleaseLogins takes back tests that did not fail. A successful test takes back all tests of its login, and removes the
	// login from those of its key.
	ReleaseLogins(ctx context.Context, tests []LoginTest) error
}

// A LoginTest is a test of a login with a key.
type LoginTest struct {
	Login     string // a keyed hash of the normalized login
	Code      keys.Code
	Succeeded bool // for ReleaseLogins
}

// LoginCounts are the counts after a test, which is included.
type LoginCounts struct {
	Tests  int // of the login with any key, in the login's window of LoginTestTTL; without those taken back
	Logins int // different logins of the key in the last KeyLoginTTL
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

// testLogin returns the test of a login that a task makes, or nil without a limit. Before the first attempt of the task it
// counts the test. If the login must not be tested now, the result settles the attempt. If the test cannot be counted, the
// result has the effect None, and err is the reason. Otherwise the result is zero.
func (e Engine) testLogin(ctx context.Context, t Task, a Account) (test *LoginTest, r ConnectorResult, err error) {
	if e.Logins == nil || e.Rules.KeyTasks <= 0 {
		return nil, r, nil
	}
	test = &LoginTest{Code: t.Code}
	counts := []LoginCounts{{}}
	test.Login, err = e.LoginHash(fold(a.Login.Reveal()))
	if err == nil && t.withLostLeases().Attempts == 0 {
		counts, err = e.Logins.CountLogins(ctx, []LoginTest{*test})
	}
	if err != nil {
		return nil, ConnectorResult{Effect: None, Note: "the tests of the login cannot be counted"}, err
	}
	if note := loginLimit(counts[0]); note != "" {
		return test, ConnectorResult{Effect: Settled, Outcome: AccountLocked, Note: note}, nil
	}
	return test, r, nil
}

// releaseLogin takes back the test of a task that has ended, unless its login failed. After an error the test stays
// counted until it expires.
func (e Engine) releaseLogin(ctx context.Context, t Task, test *LoginTest) {
	if test == nil || t.Open() || t.Outcome.loginFailed() {
		return
	}
	test.Succeeded = t.Outcome == Success
	_ = e.Logins.ReleaseLogins(ctx, []LoginTest{*test})
}
