package main

import "fmt"

// checkTLSKey refuses a private key file that other users can read.
func (s *serveCmd) checkTLSKey() error {
	if s.TLSKey == "" {
		return nil
	}
	if _, err := readPrivate(s.TLSKey); err != nil {
		return fmt.Errorf("--tls-key: %w", err)
	}
	return nil
}
