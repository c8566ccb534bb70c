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

// WriteSecret writes a file that holds a secret, and returns its path.
func (s *Shop) WriteSecret(name, text string) string {
	s.Helper()
	path := filepath.Join(s.Folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

// writeCertificate writes a new certificate with that serial number, and its key.
func (s *Shop) writeCertificate(serial int64) (chain, key string) {
	s.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: LANHost}, NotAfter: time.Now().Add(time.Hour),
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
	return s.WriteSecret("cert.pem", encode("CERTIFICATE", der)), s.WriteSecret("key.pem", encode("PRIVATE KEY", secret))
}

// certificateSerial is that of the certificate that a daemon shows to a new connection.
func (d *Daemon) certificateSerial() int64 {
	d.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(d.URL, "http://"), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec,noctx // it is looked at
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // it was only looked at
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// sendSIGHUP sends SIGHUP and returns what the daemon has logged of the n-th.
func (d *Daemon) sendSIGHUP(n int) map[string]any {
	d.Helper()
	d.Signal(syscall.SIGHUP)
	var lines []map[string]any
	d.Eventually("SIGHUP is logged", func() bool { lines, _ = d.Logs.Lines("SIGHUP: read files again"); return len(lines) == n })
	return lines[n-1]
}

// lastAuthorization is what the provider was sent last.
func (s *Shop) lastAuthorization() string {
	s.Helper()
	all := s.Provider.Requests()
	return all[len(all)-1].Header.Get("Authorization")
}

// TestSIGHUPReadsFilesAgain holds that SIGHUP makes a daemon read its files again, and that one with a fault changes nothing.
func TestSIGHUPReadsFilesAgain(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.ImportPlans("p,US,9,,")
	s.AddKeys("A", "B", "C")
	chain, key := s.writeCertificate(1)
	token := s.WriteSecret("token", "first\n")
	d := s.Serve("--tls-cert", chain, "--tls-key", key, "--connector-token-file", token)
	try := func(code, want string) {
		t.Helper()
		d.MustAccept(Upgrade(code, "success@example.com", "US"))
		d.ExpectEnd(code, "success", "")
		if got := s.lastAuthorization(); got != "Bearer "+want {
			t.Errorf("sent %q, want %s", got, want)
		}
	}
	if d.certificateSerial() != 1 {
		t.Error("another certificate")
	}
	d.Client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the certificate changes
	d.URL = strings.Replace(d.URL, "http://", "https://", 1)
	try("A", "first")
	s.writeCertificate(2)
	s.WriteSecret("token", "\ufeffsecond\r\n")
	if line := d.sendSIGHUP(1); len(line["flags"].([]any)) != 2 || line["level"] != "info" {
		t.Errorf("%v", line)
	}
	try("B", "second")
	s.WriteSecret("cert.pem", "no certificate")
	s.WriteSecret("token", "two\nlines")
	if line := d.sendSIGHUP(2); len(line["flags"].([]any)) != 0 {
		t.Errorf("%v", line)
	}
	faults, _ := d.Logs.Lines("SIGHUP: cannot read a file again, the old value stays")
	if len(faults) != 2 {
		t.Fatalf("%v", faults)
	}
	for i, file := range []string{chain, token} {
		if text, _ := faults[i]["error"].(string); faults[i]["level"] != "error" || !strings.Contains(text, file) || strings.Contains(text, "lines") {
			t.Errorf("of %s: %v", file, faults[i])
		}
	}
	try("C", "second")
	d.URL = strings.Replace(d.URL, "https://", "http://", 1)
	if d.certificateSerial() != 2 {
		t.Error("the certificate was not kept")
	}
	d.Stop()
}

// TestStopIsLogged holds what a daemon logs when it is stopped.
func TestStopIsLogged(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		d := s.Serve()
		for range 3 {
			d.Signal(syscall.SIGUSR1) // no signal of these ends it
			d.Signal(syscall.SIGUSR2)
			d.Signal(syscall.SIGPIPE)
			d.Signal(syscall.SIGHUP)
		}
		if d.ReadyStatus() != 200 {
			s.Error("it is not ready")
		}
		d.Stop()
		lines := strings.Split(strings.TrimSpace(d.Logs.String()), "\n")
		var last struct{ Level, Msg, Duration string }
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			s.Fatal(err)
		}
		if _, err := time.ParseDuration(last.Duration); last.Msg != "stopped" || last.Level != "info" || err != nil {
			s.Errorf("the last line is %s", lines[len(lines)-1])
		}
		if d.Logs.Find("stopping") == nil {
			s.Error("the signal is not logged")
		}
	})
}

// TestSecondSignalEndsDrain holds that a second SIGINT ends a drain, that SIGQUIT dumps the goroutines, and that
// after both another daemon carries the task out.
func TestSecondSignalEndsDrain(t *testing.T) {
	for name, end := range map[string]func(*Daemon){
		"second SIGINT": func(d *Daemon) {
			d.Signal(syscall.SIGINT)
			d.Eventually("it drains", func() bool { return d.Logs.Find("stopping") != nil })
			d.Signal(syscall.SIGINT)
			d.WaitExit(-1) // a signal has ended it
		},
		"SIGQUIT": func(d *Daemon) {
			d.Signal(syscall.SIGQUIT)
			d.WaitExit(2)
			if !strings.Contains(d.Logs.String(), "goroutine ") {
				d.Error("there is no dump")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := NewSQLiteShop(t)
			s.AddKeys("K")
			s.ImportPlans("p,US,5,,")
			d := s.Serve("--drain", "10m", "--connector-timeout", "10m", "--lease", "1s")
			d.MustAccept(Upgrade("K", "silent_after+success@example.com", "US"))
			s.Eventually("the provider is called", func() bool { return len(s.Provider.Requests()) == 1 })
			end(d)
			s.Serve().ExpectEnd("K", "success", "")
			s.CheckProvider()
		})
	}
}

// TestBrokenLogPipe holds that a daemon whose log nobody reads any more serves on.
func TestBrokenLogPipe(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.AddKeys("K")
	s.ImportPlans("p,US,9,,")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{Shop: s, Logs: new(LogBuffer), ended: make(chan struct{}), Client: NewClient()}
	d.Cmd = s.Command("serve", "--connector", s.Provider.URL, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-format=json", "--log-level=debug")
	d.Cmd.Stderr = w
	if err := d.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = d.Cmd.Wait(); close(d.ended) }() // its status is looked at below
	t.Cleanup(d.Kill)
	_ = w.Close() // the daemon has it
	buffer := make([]byte, 64<<10)
	s.Eventually("it serves", func() bool {
		n, err := r.Read(buffer)
		_, _ = d.Logs.Write(buffer[:n]) // it is memory
		return err == nil && d.FindAddresses()
	})
	_ = r.Close() // from now on every line meets a broken pipe
	d.MustAccept(Upgrade("K", "success@example.com", "US"))
	d.ExpectEnd("K", "success", "")
	d.Stop()
}

// TestSIGHUPInterruptsCommand holds that a closed terminal ends a command as Ctrl-C does.
func TestSIGHUPInterruptsCommand(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.MustExec("migrate")
	in, silent, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = in.Close(), silent.Close() }() // nothing was written
	cmd, said := s.Command("keys", "import", "-"), new(LogBuffer)
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
