package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/tasks"
)

// connectorCmd groups the commands on the connector.
type connectorCmd struct {
	Test connectorTest `cmd:"" help:"Check whether a service keeps the connector's protocol."`
}

// connectorTest is the command keyseatd connector test.
type connectorTest struct {
	serviceFlags
	proxyFlag
	outputFlag
	TaskDeadline time.Duration            `default:"15m" validate:"min=1ms" placeholder:"15m" help:"Time limit of each task while the service answers 202."`
	Login        map[tasks.Outcome]string `placeholder:"OUTCOME=LOGIN;…" mapsep:";" help:"Logins of test accounts, by the outcome that the service gives to them."`
	URL          string                   `arg:"" name:"url" help:"The service's base URL, as for serve --connector."`
}

// Help explains the test's effects and shows examples.
func (*connectorTest) Help() string {
	return examples("The test sends tasks that nobody has ordered, for the made-up account "+httpconnector.TestLogin+" and the plan "+
		httpconnector.TestPlan+". All passwords are made up, so a service refuses the account, for example with invalid_credentials. "+
		"With --login the test also sends the test accounts of your service, and demands their outcomes. Do not give the login of a "+
		"customer. The status is 0 if no check fails, else 1.",
		"keyseatd connector test https://c.example --connector-token-file token",
		"keyseatd connector test https://c.example --login success=a@example.com")
}

// Run runs the checks and prints the results.
func (k *connectorTest) Run(ctx context.Context, c stdio) error {
	for outcome := range k.Login {
		if !slices.ContainsFunc(tasks.Kinds(), outcome.Fits) {
			return usageError{fmt.Errorf("--login: the outcome must be one of %s", joined(tasks.AllOutcomes()))}
		}
	}
	connector, err := k.service("the URL", k.URL, k.noProxy(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer connector.Close()
	checks := connector.TestService(ctx, httpconnector.ServiceTest{Logins: k.Login, Deadline: k.TaskDeadline})
	failed := 0
	if k.Output == terminal.JSON {
		err = k.printJSON(c.out, count(checks, &failed))
	} else {
		err = k.print(c.out, count(checks, &failed))
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return errInterrupted
	case failed > 0:
		return fmt.Errorf("the service fails %d of the checks", failed)
	}
	return nil
}

// count yields the checks and counts the failed ones.
func count(checks iter.Seq[httpconnector.ServiceCheck], failed *int) iter.Seq[httpconnector.ServiceCheck] {
	return func(yield func(httpconnector.ServiceCheck) bool) {
		for check := range checks {
			if check.Verdict == httpconnector.Failed {
				*failed++
			}
			if !yield(check) {
				return
			}
		}
	}
}

// accounts returns the logins that the test sends.
func (k *connectorTest) accounts() []string {
	return append([]string{httpconnector.TestLogin}, slices.Sorted(maps.Values(k.Login))...)
}

// print prints the accounts, and then each check when it has ended.
func (k *connectorTest) print(w io.Writer, checks iter.Seq[httpconnector.ServiceCheck]) error {
	_, err := fmt.Fprintf(w, "Sending made-up tasks for %s, with made-up passwords\n", terminal.Printable(strings.Join(k.accounts(), ", ")))
	for check := range checks {
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%-8s %-23s %s", check.Verdict, check.Name, terminal.Printable(check.Note))
		_, err = fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	return err
}

// printJSON prints the accounts and all checks as one object.
func (k *connectorTest) printJSON(w io.Writer, checks iter.Seq[httpconnector.ServiceCheck]) error {
	return terminal.PrintJSON(w, struct {
		Accounts []string                     `json:"accounts"`
		Checks   []httpconnector.ServiceCheck `json:"checks"`
	}{k.accounts(), slices.Collect(checks)})
}
