//go:build unix

package operator_test

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
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// writeCertificate writes a new certificate with a serial number, and its key.
func writeCertificate(s *harness.Shop, serial int64) (chain, key string) {
	s.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: harness.LANHost}, NotAfter: time.Now().Add(time.Hour),
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
	return writeSecret(s, "cert.pem", encode("CERTIFICATE", der)), writeSecret(s, "key.pem", encode("PRIVATE KEY", secret))
}

// certificateSerial returns the serial number of the certificate that a new connection gets.
func certificateSerial(d *harness.Daemon) int64 {
	d.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(d.URL, "http://"), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec,noctx // the test checks the certificate
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // the connection has served
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// sendSIGHUP sends the n-th SIGHUP, and returns the line that the daemon logs.
func sendSIGHUP(d *harness.Daemon, n int) map[string]any {
	d.Helper()
	d.Signal(syscall.SIGHUP)
	var lines []map[string]any
	d.Eventually("SIGHUP is logged", func() bool { lines, _ = d.Logs.Lines("SIGHUP: read files again"); return len(lines) == n })
	return lines[n-1]
}

// lastAuthorization returns the header of the last request to the provider.
func lastAuthorization(s *harness.Shop) string {
	s.Helper()
	all := s.Provider.Requests()
	return all[len(all)-1].Header.Get("Authorization")
}

// TestSIGHUPReadsFilesAgain checks that SIGHUP makes a daemon read its files again, and that the daemon ignores a
// faulty file. It also checks that the daemon refuses old versions of TLS.
func TestSIGHUPReadsFilesAgain(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.ImportPlans("p,US,9,,")
	s.AddKeys("A", "B", "C")
	chain, key := writeCertificate(s, 1)
	token := writeSecret(s, "token", "first\n")
	d := s.Serve("--tls-cert", chain, "--tls-key", key, "--connector-token-file", token)
	try := func(code, want string) {
		t.Helper()
		d.MustAccept(harness.Upgrade(code, "success@example.com", "US"))
		d.ExpectEnd(code, "success", "")
		if got := lastAuthorization(s); got != "Bearer "+want {
			t.Errorf("sent %q, want %s", got, want)
		}
	}
	if certificateSerial(d) != 1 {
		t.Error("another certificate")
	}
	for name, weak := range map[string]*tls.Config{ // the daemon must refuse each
		"TLS 1.1":                      {MaxVersion: tls.VersionTLS11},
		"a suite without AEAD (CBC)":   {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}},
		"a suite of RSA key exchanges": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
	} {
		weak.InsecureSkipVerify = true
		if _, err := tls.Dial("tcp", strings.TrimPrefix(d.URL, "http://"), weak); err == nil { //nolint:noctx // it is on this machine
			t.Errorf("the daemon accepts %s", name)
		}
	}
	d.Client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the certificate changes
	d.URL = strings.Replace(d.URL, "http://", "https://", 1)
	for _, path := range []string{"/", "/API/?stock"} {
		if r, err := d.Send(http.MethodGet, d.URL+path, "", nil); err != nil || r.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %v, %v", path, r.Header, err)
		}
	}
	try("A", "first")
	writeCertificate(s, 2)
	writeSecret(s, "token", "\ufeffsecond\r\n")
	if line := sendSIGHUP(d, 1); len(line["flags"].([]any)) != 2 || line["level"] != "info" {
		t.Errorf("%v", line)
	}
	try("B", "second")
	writeSecret(s, "cert.pem", "no certificate")
	writeSecret(s, "token", "two\nlines")
	if line := sendSIGHUP(d, 2); len(line["flags"].([]any)) != 0 {
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
	if certificateSerial(d) != 2 {
		t.Error("the certificate was not kept")
	}
	d.Stop()
}

// TestStopIsLogged checks what a daemon logs when it stops.
func TestStopIsLogged(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		d := s.Serve()
		for range 3 {
			d.Signal(syscall.SIGUSR1) // not one of these ends it
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

// TestSecondSignalEndsDrain checks that a second SIGINT ends a drain, and that SIGQUIT prints the goroutines. After
// each of these ends, another daemon carries out the open task.
func TestSecondSignalEndsDrain(t *testing.T) {
	for name, end := range map[string]func(*harness.Daemon){
		"second SIGINT": func(d *harness.Daemon) {
			d.Signal(syscall.SIGINT)
			d.Eventually("it drains", func() bool { return d.Logs.Find("stopping") != nil })
			d.Signal(syscall.SIGINT)
			d.WaitExit(-1) // a signal has ended it
		},
		"SIGQUIT": func(d *harness.Daemon) {
			d.Signal(syscall.SIGQUIT)
			d.WaitExit(2)
			if !strings.Contains(d.Logs.String(), "goroutine ") {
				d.Error("there is no dump")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := harness.NewSQLiteShop(t)
			s.AddKeys("K")
			s.ImportPlans("p,US,5,,")
			d := s.Serve("--drain", "10m", "--connector-timeout", "10m", "--lease", "1s")
			d.MustAccept(harness.Upgrade("K", "silent_after+success@example.com", "US"))
			s.Eventually("the provider is called", func() bool { return len(s.Provider.Requests()) == 1 })
			end(d)
			s.Serve().ExpectEnd("K", "success", "")
			s.CheckProvider()
		})
	}
}

// TestBrokenLogPipe checks that a daemon continues to serve after the process that reads its log has ended.
func TestBrokenLogPipe(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("K")
	s.ImportPlans("p,US,9,,")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := s.Command("serve", "--connector", s.Provider.URL, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-format=json", "--log-level=debug")
	cmd.Stderr = w
	d := s.StartCommand(cmd)
	_ = w.Close() // the daemon has its own handle
	buffer := make([]byte, 64<<10)
	s.Eventually("it serves", func() bool {
		n, err := r.Read(buffer)
		_, _ = d.Logs.Write(buffer[:n]) // it writes to memory
		return err == nil && d.FindAddresses()
	})
	_ = r.Close() // from now on every line meets a broken pipe
	d.MustAccept(harness.Upgrade("K", "success@example.com", "US"))
	d.ExpectEnd("K", "success", "")
	d.Stop()
}

// TestSIGHUPInterruptsCommand checks that a closed terminal ends a command as Ctrl-C does.
func TestSIGHUPInterruptsCommand(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.MustExec("migrate")
	in, silent, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = in.Close(), silent.Close() }() // nothing was written
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // a test that runs under nohup would pass the ignored signal on to the command
	defer signal.Stop(hup)
	cmd, stderr := s.Command("keys", "import", "-"), new(harness.LogBuffer)
	cmd.Stdin, cmd.Stderr = in, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.WriteString("code\n" + strings.Repeat("a-code-of-another-shop\n", 10_000)); err != nil { // more than a pipe holds: so the command has begun to read
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the status is checked next
	if code := cmd.ProcessState.ExitCode(); code != 1 || stderr.String() != "keyseatd: interrupted\n" {
		t.Errorf("status %d: %s", code, stderr)
	}
}
