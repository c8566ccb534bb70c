package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/daemon/doctor"
	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

type doctorCmd struct {
	databaseList
	Repair         bool   `help:"Make the repairs that are safe."`
	MasterKeyFile  string `placeholder:"FILE" help:"Keys that encrypt secrets. With them, the doctor also checks that the secrets of open tasks can be opened."`
	AdminTokenFile string `placeholder:"FILE" help:"Tokens of the admin API. The doctor warns of those that have expired, or expire within 14 days."`
}

// staleLease is the time after which an expired lease is a finding. A running daemon takes a task over much sooner.
const staleLease = 10 * time.Minute

// Run prints the findings. It returns an error if problems are left.
func (d *doctorCmd) Run(ctx context.Context, c stdio) error {
	var ring *keyring.Ring
	var sealer tasks.Sealer // nil: secrets are not opened
	if d.MasterKeyFile != "" {
		var err error
		if ring, err = keyring.Open(d.MasterKeyFile); err != nil {
			return err
		}
		sealer = ring
	}
	return d.open(ctx, func(s *bunstore.Store) error {
		doc := doctor.Doctor{Store: s, Sealer: sealer, Stale: staleLease, NewID: operatorEngine(s).NewID, Actor: actor()}
		examine := doc.Examine
		if d.Repair {
			examine = doc.Repair
			ignoreSIGPIPE()
		}
		left, done := 0, 0
		defer func() { c.audit(ctx, s, "doctor --repair", done) }()
		err := d.print(c.out, findingRows(examine(ctx), &left, &done))
		switch {
		case err != nil && d.Repair:
			return fmt.Errorf("%w; what was repaired before stays so: `keyseatd doctor` shows what is left", err)
		case err != nil:
			return err
		}
		printTransport(s, c.err)
		if err := errors.Join(printDurability(ctx, s, c.err), printTokens(d.AdminTokenFile, c)); err != nil {
			return err
		}
		if ring != nil {
			printMasterKeyAge(ring, c.err)
		}
		if left > 0 {
			return fmt.Errorf("%d problems left", left)
		}
		return nil
	})
}

// findingRows yields the findings as rows. It counts the unrepaired ones in left, and the repaired ones in done.
func findingRows(found iter.Seq2[doctor.Finding, error], left, done *int) iter.Seq2[findingRow, error] {
	return seq.Map(found, func(f doctor.Finding) findingRow {
		if f.Done == "" {
			*left++
		} else {
			*done++
		}
		a := f.Advice()
		return findingRow{f.Code, f.Key, f.Task, f.Plan, f.Country, f.Found, a.Means, a.Repair, a.Decide, f.Done}
	})
}

func (d *doctorCmd) print(w io.Writer, found iter.Seq2[findingRow, error]) error {
	if d.Output == terminal.JSON {
		return terminal.PrintArray(w, found)
	}
	out := bufio.NewWriter(w)
	n := 0
	for f, err := range found {
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		n++
		f.print(out)
	}
	if n == 0 {
		_, _ = fmt.Fprintln(out, "nothing is wrong") // Flush returns its error
	}
	return out.Flush()
}

type findingRow struct {
	Code doctor.Code `json:"code"`
	Key  keys.Code   `json:"key"`
	Task string      `json:"task"`
	Plan string      `json:"plan"`

	Country stock.Country `json:"country"`

	Found  string `json:"found"`
	Means  string `json:"means"`
	Repair string `json:"repair"` // "" if no repair exists
	Decide string `json:"decide"`
	Done   string `json:"done"` // "" if not repaired
}

// print writes the finding as a paragraph for a person.
func (f findingRow) print(w io.Writer) {
	title := string(f.Code)
	for _, where := range [][2]string{{"key", string(f.Key)}, {"task", f.Task}, {"plan", f.Plan}, {"country", string(f.Country)}} {
		if where[1] != "" {
			title += ", " + where[0] + " " + where[1]
		}
	}
	_, _ = fmt.Fprintln(w, terminal.Printable(title)) // bufio.Writer keeps the error until Flush
	for _, line := range [][2]string{
		{"found", f.Found},
		{"means", f.Means},
		{"repair", f.Repair},
		{"you", f.Decide},
		{"done", f.Done},
	} {
		if line[1] != "" && (line[0] != "repair" || f.Done == "") {
			_, _ = fmt.Fprintf(w, "  %-8s%s\n", line[0]+":", terminal.Printable(line[1]))
		}
	}
	_, _ = fmt.Fprintln(w)
}

type checkCmd struct {
	AdminListen string `default:"127.0.0.1:8081" empty:"nowhere" validate:"omitempty,listen" placeholder:"HOST:PORT" help:"The admin listener of the daemon on this machine."`
	URL         string `name:"url" validate:"omitempty,http_url" placeholder:"URL" help:"The admin listener's URL, if it is elsewhere. A path in it is called instead of /readyz."`
}

const (
	checkTime = 3 * time.Second // the time limit of the command, a little longer than the daemon's own limit for /readyz
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
		Transport:     &http.Transport{DisableKeepAlives: true}, // and no Proxy: the call is direct
		CheckRedirect: httpclient.NoRedirect,
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("cannot reach %s: %w", target.Redacted(), dialError(err))
	}
	defer func() { _ = answer.Body.Close() }()                         // the body was only read
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxReason))      // the status decides, not the text
	reason, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n") // another server may respond with a page of HTML
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
