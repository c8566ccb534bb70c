package main

import (
	"context"
	"fmt"
)

// highConcurrency is the number of connections of the heaviest loads.
const highConcurrency = 256

// A setup is a database, and the flags of the daemons on it.
type setup struct {
	*bench
	url   string
	keys  int
	flags []string // flags of keyseatd
}

// newInfoSetup makes a setup with keys in use. It accepts no request, so the connector has nothing to do.
func (b *bench) newInfoSetup(ctx context.Context, keys int) (*setup, func(), error) {
	url, drop, err := b.createMigrated(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := &setup{bench: b, url: url, keys: keys}
	if err = fillUsedKeys(ctx, url, keys); err == nil {
		s.flags, err = b.keyseatdFlags(ctx, "sim")
	}
	if err != nil {
		drop()
		return nil, nil, err
	}
	return s, drop, nil
}

// keyseatdFlags returns the flags that every keyseatd on PostgreSQL needs.
func (b *bench) keyseatdFlags(ctx context.Context, connector string) ([]string, error) {
	file, err := b.masterKey(ctx)
	return []string{"--master-key-file", file, "--connector", connector}, err
}

// startOurs starts keyseatd.
func (s *setup) startOurs(ctx context.Context) (*server, error) {
	return s.serve(ctx, s.url, s.flags...)
}

// peerStarter returns a function that starts a peer.
func (s *setup) peerStarter(peer string) starter {
	return func(ctx context.Context) (*server, error) { return s.peer(ctx, peer, s.url) }
}

func (s *setup) infoLoad(conns int, rate float64) func() load {
	return func() load { return load{conns, s.length, rate, infoRequests(s.keys)} }
}

// openLoopShare is the rate of the open loop for both programs, as a part of the bare handler's throughput.
const openLoopShare = 0.7

func rowInfo(ctx context.Context, b *bench) ([]result, error) {
	s, drop, err := b.newInfoSetup(ctx, b.size(100_000))
	if err != nil {
		return nil, err
	}
	defer drop()
	if err := s.expectSameResponse(ctx, s.startOurs, s.peerStarter("bare-info")); err != nil {
		return nil, err
	}
	full := s.infoLoad(highConcurrency, 0)
	got, err := b.alternate(ctx, s.underLoad(s.startOurs, full), s.underLoad(s.peerStarter("bare-info"), full), s.underLoad(s.peerStarter("constant"), full))
	if err != nil {
		return nil, err
	}
	some := s.infoLoad(32, 0)
	fewer, err := b.alternate(ctx, s.underLoad(s.startOurs, some), s.underLoad(s.peerStarter("bare-info"), some))
	if err != nil {
		return nil, err
	}
	paced := s.infoLoad(highConcurrency, openLoopShare*got[1].median(rate))
	open, err := b.alternate(ctx, s.underLoad(s.startOurs, paced), s.underLoad(s.peerStarter("bare-info"), paced))
	if err != nil {
		return nil, err
	}
	return []result{
		throughput("info, 256 connections, compared with net/http + pgx with one prepared query", got[0], got[1], goal{min: 2.3, aim: 3}),
		latency(fmt.Sprintf("p99 of info at %.0f/s, 70 %% of that program's throughput", paced().rate), open[0], open[1], p99, goal{max: 0.8}),
		throughput("info, 256 connections, compared with a handler without a database", got[0], got[2], goal{min: 0.7}),
		throughput("info, 32 connections, compared with net/http + pgx", fewer[0], fewer[1], goal{}),
	}, nil
}

func rowInfoSingle(ctx context.Context, b *bench) ([]result, error) {
	s, drop, err := b.newInfoSetup(ctx, b.size(100_000))
	if err != nil {
		return nil, err
	}
	defer drop()
	one := s.infoLoad(1, 0)
	got, err := b.alternate(ctx, s.underLoad(s.startOurs, one), s.underLoad(s.peerStarter("bare-info"), one))
	if err != nil {
		return nil, err
	}
	return []result{throughput("info, 1 connection, compared with net/http + pgx", got[0], got[1], goal{min: 0.85})}, nil
}

// expectSameResponse returns an error unless two programs send the same response to info.
func (s *setup) expectSameResponse(ctx context.Context, one, other starter) error {
	first, err := s.infoBody(ctx, one)
	if err != nil {
		return err
	}
	second, err := s.infoBody(ctx, other)
	if err == nil && first != second {
		err = fmt.Errorf("%w: %s and %s", errUnexpected, first, second)
	}
	return err
}

func (s *setup) infoBody(ctx context.Context, start starter) (string, error) {
	server, err := start(ctx)
	if err != nil {
		return "", err
	}
	defer server.kill()
	c, err := dial(ctx, server.addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.conn.Close() }() // the measurement is over
	r := &request{}
	infoRequests(1)()(r)
	body, err := c.do(r.raw)
	return string(body), err
}

// rowSize compares the latency of info among many keys with its latency among few.
func rowSize(ctx context.Context, b *bench) ([]result, error) {
	many, dropMany, err := b.newInfoSetup(ctx, b.size(10_000_000))
	if err != nil {
		return nil, err
	}
	defer dropMany()
	few, dropFew, err := b.newInfoSetup(ctx, b.size(100_000))
	if err != nil {
		return nil, err
	}
	defer dropFew()
	got, err := b.alternate(ctx, b.underLoad(many.startOurs, many.infoLoad(1, 0)), b.underLoad(few.startOurs, few.infoLoad(1, 0)))
	if err != nil {
		return nil, err
	}
	return []result{latency(fmt.Sprintf("p50 of info among %d keys, compared with %d", many.keys, few.keys), got[0], got[1], p50, goal{max: 1.3})}, nil
}
