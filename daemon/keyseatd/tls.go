package main

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"
)

// A certificate holds the certificate and key of --tls-cert and --tls-key. It is safe to read the files
// again while connections use the certificate.
type certificate struct {
	chain, key string // paths
	pair       atomic.Pointer[tls.Certificate]
}

// certificate reads the certificate. It returns nil if the flags name none.
func (s *serveCmd) certificate() (*certificate, error) {
	if s.TLSCert == "" {
		return nil, nil //nolint:nilnil // no certificate is what the flags say
	}
	c := &certificate{chain: s.TLSCert, key: s.TLSKey}
	return c, withName("--tls-cert, --tls-key", c.read())
}

// read loads both files. It keeps the old pair if the new files do not match, or if other users can read
// the key.
func (c *certificate) read() error {
	if _, err := readPrivate(c.key); err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.chain, c.key)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", c.chain, c.key, err)
	}
	c.pair.Store(&pair)
	return nil
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil },
		MinVersion:     tls.VersionTLS12,
	}
}
