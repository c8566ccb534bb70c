package main

import (
	"strings"
	"testing"
)

// TestConsoleUserHeader checks that serve does not start with a header that anybody could send, or with a role that
// does not exist.
func TestConsoleUserHeader(t *testing.T) {
	full := adminFlags{AdminTokenFile: "tokens", ConsoleUserHeader: "X-Forwarded-User", ConsoleRole: textList{"owners=write", "*=read"}}
	if users, err := full.proxyUsers(textList{"10.0.0.1"}); err != nil || len(users.Roles) != 2 || users.Roles[1].Group != "*" {
		t.Errorf("%+v %v", users, err)
	}
	if users, err := (adminFlags{}).proxyUsers(nil); err != nil || users.UserHeader != "" {
		t.Errorf("%+v %v", users, err)
	}
	noRole, noFile, badRole := full, full, full
	noRole.ConsoleRole, noFile.AdminTokenFile, badRole.ConsoleRole = nil, "", textList{"owners=admin"}
	for want, c := range map[string]struct {
		adminFlags
		proxies textList
	}{
		"--console-user-header needs --trusted-proxies":   {full, nil},
		"--console-user-header needs --trusted-proxies, ": {noRole, textList{"10.0.0.1"}},
		"--console-user-header needs ":                    {noFile, textList{"10.0.0.1"}},
		"--console-role must be GROUP=ROLE":               {badRole, textList{"10.0.0.1"}},
	} {
		if _, err := c.proxyUsers(c.proxies); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
