package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/daemon"
)

// listen opens the listeners. It runs after the server is built, because a daemon must not accept a connection that it
// cannot serve.
func (s *serveCmd) listen(ctx context.Context, server *daemon.Server, log *slog.Logger) (err error) {
	cert, err := s.certificate()
	if err != nil {
		return err
	}
	if cert != nil {
		server.TLS = cert.config()
		s.reloads = append(s.reloads, reload{"--tls-cert", cert.read})
	}
	if server.Public, server.Admin, err = s.listeners(ctx); err != nil {
		return err
	}
	admin := "off"
	if server.Admin != nil {
		admin = server.Admin.Addr().String()
	}
	log.Info("serving", append([]any{"listen", server.Public.Addr().String(), "admin", admin, "tls", server.TLS != nil}, addresses(server)...)...)
	return nil
}

// addresses returns log attributes with the addresses to open in a browser on this machine.
func addresses(server *daemon.Server) []any {
	scheme := "http"
	if server.TLS != nil {
		scheme = "https"
	}
	site := siteURL(scheme, server.Public)
	all := []any{"api", site + "API/"}
	if server.Page != nil {
		all = append(all, "page", site)
	}
	if server.Admin == nil {
		return all
	}
	site, console := siteURL("http", server.Admin), "off: make a token with `keyseatd admin-token add`, and give --admin-token-file"
	if server.Console != nil {
		console = site
	}
	return append(all, "console", console, "metrics", site+"metrics")
}

// siteURL returns the URL of the root of a listener. If the listener is on all addresses, the host of the URL is
// localhost.
func siteURL(scheme string, l net.Listener) string {
	host, port, _ := net.SplitHostPort(l.Addr().String()) // cannot fail for an address of TCP
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/"
}

// listeners opens the public listener and the admin listener. The latter is nil if --admin-listen is empty.
func (s *serveCmd) listeners(ctx context.Context) (public, admin net.Listener, err error) {
	if public, err = listenOn(ctx, "--listen", s.Listen); err != nil || s.AdminListen == "" {
		return public, nil, err
	}
	if admin, err = listenOn(ctx, "--admin-listen", s.AdminListen); err != nil {
		return nil, nil, errors.Join(err, public.Close())
	}
	return public, admin, nil
}

// listenOn listens on an address. Its error names the flag and the address.
func listenOn(ctx context.Context, flag, address string) (net.Listener, error) {
	config := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
	l, err := config.Listen(ctx, "tcp", address)
	if failed, is := errors.AsType[syscall.Errno](err); is {
		err = failed // the part without the address, because the message below contains the address
	} else if failed, is := errors.AsType[*net.OpError](err); is {
		err = failed.Err
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w: another keyseatd may be running, and %s chooses another address", err, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: cannot listen on %s: %w", flag, address, err)
	}
	return l, nil
}

// preflight finds errors before a database or a master key is created. It detects an unreadable
// certificate, an unreadable master key file, and an address that is already in use.
func (s *serveCmd) preflight(ctx context.Context) error {
	if s.MasterKeyFile != "" {
		if _, err := keyring.Open(s.MasterKeyFile); err != nil {
			return err
		}
	}
	if _, err := s.certificate(); err != nil {
		return err
	}
	public, admin, err := s.listeners(ctx)
	if err != nil {
		return err
	}
	err = public.Close()
	if admin != nil {
		err = errors.Join(err, admin.Close())
	}
	return err
}

// A certificate holds the certificate and key of --tls-cert and --tls-key. It is safe to read the files
// again while connections use the certificate.
type certificate struct {
	chain, key string // paths
	pair       atomic.Pointer[tls.Certificate]
}

func (s *serveCmd) certificate() (*certificate, error) {
	if s.TLSCert == "" {
		return nil, nil //nolint:nilnil // the flags name no certificate
	}
	c := &certificate{chain: s.TLSCert, key: s.TLSKey}
	return c, withName("--tls-cert, --tls-key", c.read())
}

// read loads both files. It keeps the old pair if the new files do not match, or if other users can read the key.
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

// config returns a TLS configuration that always uses the newest pair. It allows TLS 1.3, and TLS 1.2 with AEAD cipher
// suites (RFC 9325, section 4.2).
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil },
		MinVersion:     tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}
}

// checkTLSKey refuses a private key file that other users can read.
func (s *serveCmd) checkTLSKey() error {
	if s.TLSKey == "" {
		return nil
	}
	_, err := readPrivate(s.TLSKey)
	return withName("--tls-key", err)
}

// checkPlaintext refuses listeners that other machines can reach without TLS, because passwords and tokens pass through
// them. The flag --plaintext allows such listeners. With trusted proxies they are allowed too, because the proxies use
// TLS. An admin listener without tokens needs no TLS.
func (s *serveCmd) checkPlaintext() error {
	if s.Plaintext || len(s.TrustedProxies) > 0 {
		return nil
	}
	if s.TLSCert == "" && !isLoopback(s.Listen) {
		return usageError{errors.New("--listen is not on loopback, and passwords would pass without TLS: give --tls-cert and --tls-key, " +
			"or --trusted-proxies if a proxy does TLS, or --plaintext")}
	}
	if s.AdminListen != "" && s.AdminTokenFile != "" && !isLoopback(s.AdminListen) {
		return usageError{errors.New("--admin-listen is not on loopback, and admin tokens would pass without TLS: " +
			"give --trusted-proxies if a proxy does TLS, or --plaintext")}
	}
	return nil
}

// isLoopback reports whether only this machine can reach an address HOST:PORT.
func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address) // cannot fail, because the flag was validated before
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
