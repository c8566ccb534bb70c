package keys_test

import (
	"testing"

	"github.com/keyseat/keyseat/keys"
)

// shapes lists the rules of the info response. The first rule that applies decides.
var shapes = []struct {
	shape keys.InfoShape
	fits  func(k keys.Key, found bool) bool
}{
	{keys.NotFound, func(k keys.Key, found bool) bool { return !found || k.Revoked }},
	{keys.Reusable, func(k keys.Key, _ bool) bool { return k.Status == "failed_upgrade" || k.Status == "success_renew" }},
	{keys.ByInvite, func(k keys.Key, _ bool) bool { return k.Status == "active" && k.Invite != "" }},
	{keys.ByMessage, func(k keys.Key, _ bool) bool { return k.Message != "" }},
	{keys.ByAccount, func(keys.Key, bool) bool { return true }},
}

func TestShapeOfEveryKey(t *testing.T) {
	seen := map[keys.InfoShape]int{}
	for _, k := range everyKey() {
		for _, found := range booleans {
			for _, message := range []string{"", "why"} {
				for _, account := range []string{"", "name"} {
					k.Message, k.Username, k.VerifyAddress, k.Version = message, account, account, 0
					if found {
						k.Version = 1
					}
					want := expectedShape(k, found)
					seen[want]++
					if got := k.InfoShape(); got != want {
						t.Errorf("%+v has shape %d, not %d", k, got, want)
					}
				}
			}
		}
	}
	if len(seen) != len(shapes) {
		t.Errorf("only these shapes were met: %v", seen)
	}
}

func expectedShape(k keys.Key, found bool) keys.InfoShape {
	for _, rule := range shapes {
		if rule.fits(k, found) {
			return rule.shape
		}
	}
	panic("no rule fits")
}
