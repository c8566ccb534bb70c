package simulator_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/tasks"
)

func TestContract(t *testing.T) {
	connectortest.Run(t, func(testing.TB) connectortest.Subject {
		return connectortest.Subject{
			Connector: simulator.Connector{},
			Slow:      simulator.Connector{Delay: time.Hour},
			Login:     func(_ tasks.Kind, o tasks.Outcome) string { return string(o) + "@example.com" },
		}
	})
}

func TestLogins(t *testing.T) {
	for _, c := range []struct {
		kind  tasks.Kind
		login string
		want  tasks.Outcome
	}{
		{tasks.Upgrade, "account_locked@example.com", tasks.AccountLocked},
		{tasks.Upgrade, "Plan_Full@example.com", tasks.PlanFull},
		{tasks.Upgrade, "system_error", tasks.SystemError},
		{tasks.Upgrade, "still_premium@example.com", tasks.Success}, // an outcome of renews only
		{tasks.Renew, "still_premium@example.com", tasks.StillPremium},
		{tasks.Renew, "plan_full@example.com", tasks.Success},
		{tasks.Upgrade, "anna@account_locked.example.com", tasks.Success},
		{tasks.Upgrade, "account_locked+1@example.com", tasks.Success},
		{tasks.Upgrade, "", tasks.Success},
	} {
		got := simulator.Connector{}.Do(t.Context(), connectortest.NewRequest(c.kind, c.login))
		if got.Effect != tasks.Settled || got.Outcome != c.want {
			t.Errorf("%s of %q: %+v, want %s", c.kind, c.login, got, c.want)
		}
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := simulator.Connector{Delay: time.Minute}
		if got := c.Do(t.Context(), connectortest.NewRequest(tasks.Renew, "x")); got.Effect != tasks.Settled {
			t.Errorf("%+v", got)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

func ExampleConnector() {
	request := tasks.ConnectorRequest{Task: "t1", Kind: tasks.Upgrade, Country: "US"}
	request.Account.Login = tasks.NewSecret("account_locked@example.com")

	result := simulator.Connector{}.Do(context.Background(), request)
	fmt.Println(result.Outcome)
	// Output: account_locked
}
