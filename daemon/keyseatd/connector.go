package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/internal/safefile"
	"github.com/keyseat/keyseat/tasks"
)

// connectorFlags select the connector. There is no default, because the only possible default is the simulator, which
// carries out nothing.
type connectorFlags struct {
	Connector string `group:"Most used:" validate:"required" placeholder:"URL" help:"Base URL of the service that carries out tasks, or sim for a simulator."`
	serviceFlags
	SimDelay time.Duration `default:"1s" validate:"min=0" placeholder:"1s" help:"Duration of an attempt of sim."`
}

// serviceFlags define how to call the service behind the HTTP connector.
type serviceFlags struct {
	ConnectorPlaintext bool          `help:"Allow http:// to a connector that is not on loopback."`
	ConnectorTokenFile string        `placeholder:"FILE" help:"Bearer token for the connector. SIGHUP reads it again."`
	ConnectorTimeout   time.Duration `default:"30s" validate:"min=1ms,max=1h" placeholder:"30s" help:"Time limit of one attempt."`
}

func (f connectorFlags) isSimulator() bool { return f.Connector == "sim" }

func (f connectorFlags) connector(noProxy bool, log *slog.Logger) (tasks.Connector, error) {
	if f.isSimulator() {
		log.Warn("the connector is a simulator: nothing is delivered")
		return simulator.Connector{Delay: f.SimDelay}, nil
	}
	c, err := f.service("--connector", f.Connector, noProxy, log)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// service returns the HTTP connector to the service at a URL. Errors contain the argument name, and not the URL.
func (f serviceFlags) service(name, url string, noProxy bool, log *slog.Logger) (*httpconnector.Connector, error) {
	token, err := readToken(f.ConnectorTokenFile)
	if err != nil {
		return nil, withName("--connector-token-file", err)
	}
	c, err := httpconnector.New(url, httpconnector.Options{
		Token: token, Timeout: f.ConnectorTimeout, Plaintext: f.ConnectorPlaintext, NoProxy: noProxy, Logger: log,
	})
	if err != nil {
		return nil, usageError{connectorError(name, err)}
	}
	return c, nil
}

// connectorError translates an error of the connector into terms of the command line.
func connectorError(name string, err error) error {
	switch {
	case errors.Is(err, httpconnector.ErrBase):
		return errors.New(name + " must be an https:// URL with a host" + map[bool]string{true: ", or sim"}[name == "--connector"])
	case errors.Is(err, httpconnector.ErrBaseParts):
		return fmt.Errorf("%s must have no user, query or fragment: a token goes into --connector-token-file", name)
	case errors.Is(err, httpconnector.ErrPlaintext):
		return fmt.Errorf("%s must be https://, because http:// does not protect passwords: --connector-plaintext allows http://", name)
	case errors.Is(err, httpconnector.ErrToken):
		return errors.New("--connector-token-file: the token has a space or another character that is not allowed in a header")
	}
	return fmt.Errorf("%s: %w", name, err)
}

// readToken reads a token file, which has one line. An empty path returns an empty token.
func readToken(path string) (tasks.Secret, error) {
	if path == "" {
		return tasks.Secret{}, nil
	}
	text, err := readPrivate(path)
	if err != nil {
		return tasks.Secret{}, err
	}
	token := strings.TrimSpace(strings.TrimPrefix(string(text), byteOrderMark))
	if token == "" || strings.ContainsAny(token, "\r\n") {
		return tasks.Secret{}, fmt.Errorf("%s must hold one line", path)
	}
	return tasks.NewSecret(token), nil
}

const maxFile = 1 << 20 // the maximum number of bytes that are read from a config file or from a file with a secret

// readPrivate reads a file with a secret. It refuses a file that other users can read.
func readPrivate(path string) ([]byte, error) {
	text, info, err := safefile.Read(path, maxFile)
	if err != nil {
		return nil, err
	}
	return text, withName(path, safefile.CheckPrivate(path, info))
}

type connectorCmd struct {
	Test connectorTest `cmd:"" help:"Check whether a service keeps the connector's protocol."`
}

type connectorTest struct {
	serviceFlags
	proxyFlag
	outputFlag
	TaskDeadline time.Duration            `default:"15m" validate:"min=1ms" placeholder:"15m" help:"Time limit of each task while the service answers 202."`
	Login        map[tasks.Outcome]string `placeholder:"OUTCOME=LOGIN;…" mapsep:";" help:"Logins of test accounts, by the outcome that the service gives to them."`
	URL          string                   `arg:"" name:"url" help:"The service's base URL, as for serve --connector."`
}

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
	report := serviceReport{Accounts: append([]string{httpconnector.TestLogin}, slices.Sorted(maps.Values(k.Login))...)}
	checks := connector.TestService(ctx, httpconnector.ServiceTest{Logins: k.Login, Deadline: k.TaskDeadline})
	if k.Output == terminal.JSON {
		report.Checks = slices.Collect(checks)
		err = terminal.PrintJSON(c.out, report)
	} else {
		err = report.print(c.out, checks)
	}
	failed := 0
	for _, check := range report.Checks {
		if check.Verdict == httpconnector.Failed {
			failed++
		}
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

// A serviceReport is the JSON output of the command that tests a service: the logins that the test sends, and the
// results.
type serviceReport struct {
	Accounts []string                     `json:"accounts"`
	Checks   []httpconnector.ServiceCheck `json:"checks"`
}

// print prints the accounts, and then each check when it has ended. It adds the checks to the report.
func (r *serviceReport) print(w io.Writer, checks iter.Seq[httpconnector.ServiceCheck]) error {
	_, err := fmt.Fprintf(w, "Sending made-up tasks for %s, with made-up passwords\n", terminal.Printable(strings.Join(r.Accounts, ", ")))
	for check := range checks {
		if err != nil {
			return err
		}
		r.Checks = append(r.Checks, check)
		line := fmt.Sprintf("%-8s %-23s %s", check.Verdict, check.Name, terminal.Printable(check.Note))
		_, err = fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	return err
}
