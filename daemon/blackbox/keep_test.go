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

// TestExportImportsAgain holds that an export is the import of another shop, to the byte.
func TestExportImportsAgain(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importKeys("code,status,message,invite,address,revoked,purchase_date,used_date,order_id",
			`a,failed,"x, ""y"" é",,,1,2026-01-02T03:04:05.123456Z,,o-1`, "b,,,=in,\"1 Street\nTown\",,2026-01-02,2026-01-03,", "c,,,,,,,,")
		s.importPlans("p,US,1,,")
		d := s.serve()
		d.accepted(upgrade("c", pending, "US"))
		exported := s.must("keys", "export")
		if rows := strings.Count(exported, "\n"); rows != 5 { // one row has two lines
			s.Errorf("exported:\n%s", exported)
		}
		d.kill()
		other := onSQLite(s.T)
		other.mustFeed(exported, "keys", "import", "-")
		if again := other.must("keys", "export"); again != exported {
			s.Errorf("exported\n%s\nand again\n%s", exported, again)
		}
		if r := other.feed("code\nz\na\n", "keys", "import", "-"); r.code != 1 || !strings.Contains(r.err, "line 3") || strings.Count(r.err, "\n") != 1 {
			s.Errorf("a code that exists: %+v", r)
		}
		if again := other.must("keys", "export"); again != exported {
			s.Error("a refused import has left something")
		}
	})
}

// TestMasterKeysChange holds that serving daemons encrypt with a new key, and that only those that
// nothing needs are dropped.
func TestMasterKeysChange(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("K", "L")
		s.importPlans("p,US,5,,")
		file := filepath.Join(s.folder, "rotated")
		s.must("master-key", "add", file)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			s.Errorf("the file: %v %v", info, err)
		}
		d := s.serve("--master-key-file", file)
		d.accepted(upgrade("K", "503=2+success@example.com", "US"))
		s.until("the provider is asked", func() bool { return len(s.provider.Requests()) == 1 })
		s.must("master-key", "add", file)
		d.accepted(upgrade("L", "503=3+success@example.com", "US"))
		if dropped := s.must("master-key", "prune", file); dropped != "" {
			s.Errorf("dropped, though both are needed: %s", dropped)
		}
		d.endsAs("K", "success", "")
		if dropped := strings.Fields(s.must("master-key", "prune", file)); len(dropped) != 1 {
			s.Errorf("dropped: %v", dropped)
		}
		d.stop()
		d = s.serve("--master-key-file", file)
		d.endsAs("L", "success", "")
	})
}

// TestTLS serves with a certificate.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	server := httptest.NewTLSServer(nil) // which makes a certificate
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, content []byte) string {
		path := filepath.Join(s.folder, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	d := s.serve("--tls-cert", write("cert", "CERTIFICATE", server.Certificate().Raw), "--tls-key", write("key", "PRIVATE KEY", key))
	d.client.Transport = server.Client().Transport
	d.url = strings.Replace(d.url, "http://", "https://", 1)
	d.is(d.get("stock"), 200, "[]")
	_, err = tls.Dial("tcp", strings.TrimPrefix(d.url, "https://"), &tls.Config{MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true}) //nolint:gosec,noctx // it must be refused
	if err == nil {
		t.Error("an old version of TLS is spoken")
	}
}
