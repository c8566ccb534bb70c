package blackbox_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExportCanBeImported holds that an export is the import of another shop, to the byte.
func TestExportCanBeImported(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.ImportKeys("code,status,message,invite,address,revoked,purchase_date,used_date,order_id",
			`a,failed,"x, ""y"" é",,,1,2026-01-02T03:04:05.123456Z,,o-1`, "b,,,=in,\"1 Street\nTown\",,2026-01-02,2026-01-03,", "c,,,,,,,,")
		s.ImportPlans("p,US,1,,")
		d := s.Serve()
		d.MustAccept(Upgrade("c", PendingLogin, "US"))
		exported := s.MustExec("keys", "export")
		if rows := strings.Count(exported, "\n"); rows != 5 { // one row has two lines
			s.Errorf("exported:\n%s", exported)
		}
		d.Kill()
		other := NewSQLiteShop(s.T)
		other.MustExecInput(exported, "keys", "import", "-")
		if again := other.MustExec("keys", "export"); again != exported {
			s.Errorf("exported\n%s\nand again\n%s", exported, again)
		}
		if r := other.ExecInput("code\nz\na\n", "keys", "import", "-"); r.Code != 1 || !strings.Contains(r.Err, "line 3") || strings.Count(r.Err, "\n") != 1 {
			s.Errorf("a code that exists: %+v", r)
		}
		if again := other.MustExec("keys", "export"); again != exported {
			s.Error("a refused import has left something")
		}
	})
}

// TestMasterKeyRotation holds that serving daemons encrypt with a new key, and that only those that
// nothing needs are dropped.
func TestMasterKeyRotation(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("K", "L")
		s.ImportPlans("p,US,5,,")
		file := filepath.Join(s.Folder, "rotated")
		s.MustExec("master-key", "add", file)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			s.Errorf("the file: %v %v", info, err)
		}
		d := s.Serve("--master-key-file", file)
		d.MustAccept(Upgrade("K", "503=2+success@example.com", "US"))
		s.Eventually("the provider is asked", func() bool { return len(s.Provider.Requests()) == 1 })
		s.MustExec("master-key", "add", file)
		d.MustAccept(Upgrade("L", "503=3+success@example.com", "US"))
		if dropped := s.MustExec("master-key", "prune", file); dropped != "" {
			s.Errorf("dropped, though both are needed: %s", dropped)
		}
		d.ExpectEnd("K", "success", "")
		if dropped := strings.Fields(s.MustExec("master-key", "prune", file)); len(dropped) != 1 {
			s.Errorf("dropped: %v", dropped)
		}
		d.Stop()
		d = s.Serve("--master-key-file", file)
		d.ExpectEnd("L", "success", "")
	})
}

// TestTLS serves with a certificate.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	server := httptest.NewTLSServer(nil) // which makes a certificate
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, content []byte) string {
		path := filepath.Join(s.Folder, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	d := s.Serve("--tls-cert", write("cert", "CERTIFICATE", server.Certificate().Raw), "--tls-key", write("key", "PRIVATE KEY", key))
	d.Client.Transport = server.Client().Transport
	d.URL = strings.Replace(d.URL, "http://", "https://", 1)
	d.Expect(d.Get("stock"), 200, "[]")
	_, err = tls.Dial("tcp", strings.TrimPrefix(d.URL, "https://"), &tls.Config{MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true}) //nolint:gosec,noctx // it must be refused
	if err == nil {
		t.Error("an old version of TLS is spoken")
	}
}
