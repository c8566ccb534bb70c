package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/keyseat/keyseat/adapters/keyring"
)

// listeners opens both listeners. admin is nil if --admin-listen is empty.
func (s *serveCmd) listeners(ctx context.Context) (public, admin net.Listener, err error) {
	if public, err = listenOn(ctx, "--listen", s.Listen); err != nil || s.AdminListen == "" {
		return public, nil, err
	}
	if admin, err = listenOn(ctx, "--admin-listen", s.AdminListen); err != nil {
		return nil, nil, errors.Join(err, public.Close())
	}
	return public, admin, nil
}

func listenOn(ctx context.Context, flag, address string) (net.Listener, error) {
	open := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
	l, err := open.Listen(ctx, "tcp", address)
	if failed, is := errors.AsType[syscall.Errno](err); is {
		err = failed // without a second mention of the address
	} else if failed, is := errors.AsType[*net.OpError](err); is {
		err = failed.Err
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
