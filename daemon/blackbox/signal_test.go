//go:build unix

package blackbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// write writes a file that holds a secret, and returns its path.
func (s *shop) write(name, text string) string {
	s.Helper()
	path := filepath.Join(s.folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

// certify writes a new certificate with that serial number, and its key.
func (s *shop) certify(serial int64) (chain, key string) {
	s.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: lan}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		s.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		s.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return s.write("cert.pem", encode("CERTIFICATE", der)), s.write("key.pem", encode("PRIVATE KEY", secret))
}

// serial is that of the certificate that a daemon shows to a new connection.
func (d *daemon) serial() int64 {
	d.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(d.url, "http://"), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec,noctx // it is looked at
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // it was only looked at
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// hangup sends SIGHUP and returns what the daemon has logged of the n-th.
func (d *daemon) hangup(n int) map[string]any {
	d.Helper()
	d.signal(syscall.SIGHUP)
	var lines []map[string]any
	d.until("SIGHUP is logged", func() bool { lines, _ = d.log.lines("SIGHUP: read files again"); return len(lines) == n })
	return lines[n-1]
}

// authorization is what the provider was sent last.
func (s *shop) authorization() string {
	s.Helper()
	all := s.provider.Requests()
	return all[len(all)-1].Header.Get("Authorization")
}

// TestHangup holds that SIGHUP makes a daemon read its files again, and that one with a fault changes nothing.
func TestHangup(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.importPlans("p,US,9,,")
	s.fresh("A", "B", "C")
	chain, key := s.certify(1)
	token := s.write("token", "first\n")
	d := s.serve("--tls-cert", chain, "--tls-key", key, "--connector-token-file", token)
	try := func(code, want string) {
		t.Helper()
		d.accepted(upgrade(code, "success@example.com", "US"))
		d.endsAs(code, "success", "")
		if got := s.authorization(); got != "Bearer "+want {
			t.Errorf("sent %q, want %s", got, want)
		}
	}
	if d.serial() != 1 {
		t.Error("another certificate")
	}
	d.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the certificate changes
	d.url = strings.Replace(d.url, "http://", "https://", 1)
	try("A", "first")
	s.certify(2)
	s.write("token", "\ufeffsecond\r\n")
	if line := d.hangup(1); len(line["flags"].([]any)) != 2 || line["level"] != "info" {
		t.Errorf("%v", line)
	}
	try("B", "second")
	s.write("cert.pem", "no certificate")
	s.write("token", "two\nlines")
	if line := d.hangup(2); len(line["flags"].([]any)) != 0 {
		t.Errorf("%v", line)
	}
	faults, _ := d.log.lines("SIGHUP: cannot read a file again, the old value stays")
	if len(faults) != 2 {
		t.Fatalf("%v", faults)
	}
	for i, file := range []string{chain, token} {
		if text, _ := faults[i]["error"].(string); faults[i]["level"] != "error" || !strings.Contains(text, file) || strings.Contains(text, "lines") {
			t.Errorf("of %s: %v", file, faults[i])
		}
	}
	try("C", "second")
	d.url = strings.Replace(d.url, "https://", "http://", 1)
	if d.serial() != 2 {
		t.Error("the certificate was not kept")
	}
	d.stop()
}

// TestCleanStop holds what a daemon logs when it is stopped.
func TestCleanStop(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		d := s.serve()
		for range 3 {
			d.signal(syscall.SIGUSR1) // no signal of these ends it
			d.signal(syscall.SIGUSR2)
			d.signal(syscall.SIGPIPE)
			d.signal(syscall.SIGHUP)
		}
		if d.ready() != 200 {
			s.Error("it is not ready")
		}
		d.stop()
		lines := strings.Split(strings.TrimSpace(d.log.String()), "\n")
		var last struct{ Level, Msg, Duration string }
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			s.Fatal(err)
		}
		if _, err := time.ParseDuration(last.Duration); last.Msg != "stopped" || last.Level != "info" || err != nil {
			s.Errorf("the last line is %s", lines[len(lines)-1])
		}
		if d.log.find("stopping") == nil {
			s.Error("the signal is not logged")
		}
	})
}

// TestImmediateEnds holds that a second SIGINT ends a drain, that SIGQUIT dumps the goroutines, and that
// after both another daemon carries the task out.
func TestImmediateEnds(t *testing.T) {
	for name, end := range map[string]func(*daemon){
		"second SIGINT": func(d *daemon) {
			d.signal(syscall.SIGINT)
			d.until("it drains", func() bool { return d.log.find("stopping") != nil })
			d.signal(syscall.SIGINT)
			d.exits(-1) // a signal has ended it
		},
		"SIGQUIT": func(d *daemon) {
			d.signal(syscall.SIGQUIT)
			d.exits(2)
			if !strings.Contains(d.log.String(), "goroutine ") {
				d.Error("there is no dump")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := onSQLite(t)
			s.fresh("K")
			s.importPlans("p,US,5,,")
			d := s.serve("--drain", "10m", "--connector-timeout", "10m", "--lease", "1s")
			d.accepted(upgrade("K", "silent_after+success@example.com", "US"))
			s.until("the provider is called", func() bool { return len(s.provider.Requests()) == 1 })
			end(d)
			s.serve().endsAs("K", "success", "")
			s.agrees()
		})
	}
}

// TestBrokenLog holds that a daemon whose log nobody reads any more serves on.
func TestBrokenLog(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.fresh("K")
	s.importPlans("p,US,9,,")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{shop: s, log: new(journal), ended: make(chan struct{}), client: newClient()}
	d.cmd = s.command("serve", "--connector", s.provider.URL, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-format=json", "--log-level=debug")
	d.cmd.Stderr = w
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = d.cmd.Wait(); close(d.ended) }() // its status is looked at below
	t.Cleanup(d.kill)
	_ = w.Close() // the daemon has it
	buffer := make([]byte, 64<<10)
	s.until("it serves", func() bool {
		n, err := r.Read(buffer)
		_, _ = d.log.Write(buffer[:n]) // it is memory
		return err == nil && d.listens()
	})
	_ = r.Close() // from now on every line meets a broken pipe
	d.accepted(upgrade("K", "success@example.com", "US"))
	d.endsAs("K", "success", "")
	d.stop()
}

// TestHangupOfACommand holds that a closed terminal ends a command as Ctrl-C does.
func TestHangupOfACommand(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.must("migrate")
	in, silent, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = in.Close(), silent.Close() }() // nothing was written
	cmd, said := s.command("keys", "import", "-"), new(journal)
	cmd.Stdin, cmd.Stderr = in, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.WriteString("code\n" + strings.Repeat("a-code-of-another-shop\n", 10_000)); err != nil { // more than a pipe holds: it has begun
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its status is looked at next
	if code := cmd.ProcessState.ExitCode(); code != 1 || said.String() != "keyseatd: interrupted\n" {
		t.Errorf("status %d: %s", code, said)
	}
}
