package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/internal/safefile"
	"github.com/keyseat/keyseat/tasks"
)

// connectorFlags select the connector. There is no default, because a daemon must not pretend to deliver
// when a flag is missing.
type connectorFlags struct {
	Connector          string        `validate:"required" placeholder:"URL" help:"Base URL of the service that carries tasks out, or sim."`
	ConnectorPlaintext bool          `help:"Allow http:// to a connector that is not on loopback."`
	ConnectorTokenFile string        `placeholder:"FILE" help:"Bearer token for the connector. SIGHUP reads it again."`
	ConnectorTimeout   time.Duration `default:"30s" validate:"min=1ms,max=1h" placeholder:"30s" help:"How long one attempt may take."`
	SimDelay           time.Duration `default:"1s" validate:"min=0" placeholder:"1s" help:"How long sim takes."`
}

func (f connectorFlags) connector(noProxy bool, log *slog.Logger) (tasks.Connector, error) {
	if f.Connector == "sim" {
		log.Warn("the connector is a simulator: nothing is delivered")
		return simulator.Connector{Delay: f.SimDelay}, nil
	}
	token, err := readToken(f.ConnectorTokenFile)
	if err != nil {
		return nil, withName("--connector-token-file", err)
	}
	c, err := httpconnector.New(f.Connector, httpconnector.Options{
		Token: token, Timeout: f.ConnectorTimeout, Plaintext: f.ConnectorPlaintext, NoProxy: noProxy, Logger: log,
	})
	if err != nil {
		return nil, usageError{connectorFault(err)}
	}
	return c, nil
}

// connectorFault translates an error of the connector into terms of the flags.
func connectorFault(err error) error {
	switch {
	case errors.Is(err, httpconnector.ErrBase):
		return errors.New("--connector must be an https:// URL with a host, or sim")
	case errors.Is(err, httpconnector.ErrBaseParts):
		return errors.New("--connector must have no user, query or fragment: a token goes into --connector-token-file")
	case errors.Is(err, httpconnector.ErrPlaintext):
		return errors.New("--connector must be https://, because passwords could be read on the way: --connector-plaintext allows http://")
	case errors.Is(err, httpconnector.ErrToken):
		return errors.New("--connector-token-file: the token has a blank or another character that no header can carry")
	}
	return fmt.Errorf("--connector: %w", err)
}

// byteOrderMark is the character that some editors write at the start of a file.
const byteOrderMark = "\ufeff"

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

// withName adds the name of a flag or a file to an error. It returns nil if err is nil.
func withName(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// readPrivate reads a file with a secret. It refuses a file that other users can read.
func readPrivate(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // the file was only read
	info, err := file.Stat()
	if err == nil {
		err = safefile.CheckPrivate(path, info)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return io.ReadAll(file)
}
