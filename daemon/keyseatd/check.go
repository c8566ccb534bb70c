package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/internal/httpclient"
)

type checkCmd struct {
	AdminListen string `default:"127.0.0.1:8081" empty:"nowhere" validate:"omitempty,listen" placeholder:"HOST:PORT" help:"The admin listener of the daemon on this machine."`
	URL         string `name:"url" validate:"omitempty,http_url" placeholder:"URL" help:"The admin listener's URL, if it is elsewhere. A path in it is called instead of /readyz."`
}

const (
	checkTime = 3 * time.Second // the time limit of the command, twice the daemon's own limit for /readyz
	maxReason = 200             // the maximum number of bytes that the command reads from a response
)

func (k *checkCmd) Run(ctx context.Context, c stdio) error {
	target, err := k.target()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // without a Proxy, so that the call is direct
		CheckRedirect: httpclient.NoRedirect,
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("cannot reach %s: %w", target.Redacted(), dialError(err))
	}
	defer func() { _ = answer.Body.Close() }()                         // an error does not matter, because the body was only read
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxReason))      // an error does not matter, because the status decides
	reason, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n") // one line, because another server may respond with a page of HTML
	if answer.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSuffix(fmt.Sprintf("%s answers %d: %s", target.Redacted(), answer.StatusCode, reason), ": "))
	}
	_, err = fmt.Fprintln(c.out, terminal.Printable(reason))
	return err
}

func (k *checkCmd) target() (*url.URL, error) {
	if k.URL != "" {
		target, err := url.Parse(k.URL)
		if err == nil && strings.Trim(target.Path, "/") == "" {
			target.Path = "/readyz"
		}
		return target, err
	}
	if k.AdminListen == "" {
		return nil, errors.New("there is no admin listener to check: --admin-listen is empty")
	}
	host, port, err := net.SplitHostPort(k.AdminListen)
	if err != nil {
		return nil, err
	}
	address, _ := netip.ParseAddr(host) // the zero address if host is a name
	switch {
	case host == "" || address.IsUnspecified() && address.Is4():
		host = "127.0.0.1" // a daemon that listens on all addresses listens on loopback
	case address.IsUnspecified():
		host = "::1"
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/readyz"}, nil
}

// dialError returns the cause of an error of [http.Client]. It removes the URL and the addresses from the message.
func dialError(err error) error {
	var code syscall.Errno
	var wrapped *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no answer within %s", checkTime)
	case errors.As(err, &code):
		return code
	case errors.As(err, &wrapped):
		return wrapped.Err
	}
	return err
}
