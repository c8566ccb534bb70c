package main

import (
	"context"
	"fmt"
)

// crowd is the number of connections of the heaviest loads.
const crowd = 256

// A stage is a database, and the flags of the daemons on it.
type stage struct {
	*bench
	url  string
	keys int
	flag []string // flags of keyseatd
}

// infoStage makes a stage with keys in use. It accepts no request, so the connector has nothing to do.
func (b *bench) infoStage(ctx context.Context, keys int) (*stage, func(), error) {
	url, drop, err := b.database(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := &stage{bench: b, url: url, keys: keys}
	if err = usedKeys(ctx, url, keys); err == nil {
		s.flag, err = b.connected(ctx, "sim")
	}
	if err != nil {
		drop()
		return nil, nil, err
	}
	return s, drop, nil
}

// connected returns the flags that every keyseatd on PostgreSQL needs.
func (b *bench) connected(ctx context.Context, connector string) ([]string, error) {
	file, err := b.masterKey(ctx)
	return []string{"--master-key-file", file, "--connector", connector}, err
}

func (s *stage) ours(ctx context.Context) (*server, error) { return s.serve(ctx, s.url, s.flag...) }

func (s *stage) beside(peer string) starter {
	return func(ctx context.Context) (*server, error) { return s.peer(ctx, peer, s.url) }
}

func (s *stage) infos(conns int, rate float64) func() load {
	return func() load { return load{conns, s.length, rate, infos(s.keys)} }
}

// share is the rate of the open loop for both sides, as a part of the bare handler's throughput.
const share = 0.7

func rowInfo(ctx context.Context, b *bench) ([]result, error) {
	s, drop, err := b.infoStage(ctx, b.size(100_000))
	if err != nil {
		return nil, err
	}
	defer drop()
	if err := s.same(ctx, s.ours, s.beside("bare-info")); err != nil {
		return nil, err
	}
	full := s.infos(crowd, 0)
	got, err := b.alternate(ctx, s.loaded(s.ours, full), s.loaded(s.beside("bare-info"), full), s.loaded(s.beside("constant"), full))
	if err != nil {
		return nil, err
	}
	some := s.infos(32, 0)
	fewer, err := b.alternate(ctx, s.loaded(s.ours, some), s.loaded(s.beside("bare-info"), some))
	if err != nil {
		return nil, err
	}
	paced := s.infos(crowd, share*got[1].median(rate))
	open, err := b.alternate(ctx, s.loaded(s.ours, paced), s.loaded(s.beside("bare-info"), paced))
	if err != nil {
		return nil, err
	}
	return []result{
		throughput("info, 256 connections, beside net/http + pgx with one prepared query", got[0], got[1], goal{least: 2.3, aim: 3}),
		latency(fmt.Sprintf("p99 of info at %.0f/s, 70 %% of what that one can", paced().rate), open[0], open[1], p99, goal{most: 0.8}),
		throughput("info, 256 connections, beside a handler with no database", got[0], got[2], goal{least: 0.7}),
		throughput("info, 32 connections, beside net/http + pgx", fewer[0], fewer[1], goal{}),
	}, nil
}

func rowInfoAlone(ctx context.Context, b *bench) ([]result, error) {
	s, drop, err := b.infoStage(ctx, b.size(100_000))
	if err != nil {
		return nil, err
	}
	defer drop()
	one := s.infos(1, 0)
	got, err := b.alternate(ctx, s.loaded(s.ours, one), s.loaded(s.beside("bare-info"), one))
	if err != nil {
		return nil, err
	}
	return []result{throughput("info, 1 connection, beside net/http + pgx", got[0], got[1], goal{least: 0.85})}, nil
}

// same returns an error unless two sides send the same response.
func (s *stage) same(ctx context.Context, one, other starter) error {
	first, err := s.body(ctx, one)
	if err != nil {
		return err
	}
	second, err := s.body(ctx, other)
	if err == nil && first != second {
		err = fmt.Errorf("%w: %s and %s", errWrong, first, second)
	}
	return err
}

func (s *stage) body(ctx context.Context, start starter) (string, error) {
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
	q := &question{}
	infos(1)()(q)
	body, err := c.ask(q.request)
	return string(body), err
}

// rowSize compares the latency of info among many keys with its latency among few.
func rowSize(ctx context.Context, b *bench) ([]result, error) {
	many, dropMany, err := b.infoStage(ctx, b.size(10_000_000))
	if err != nil {
		return nil, err
	}
	defer dropMany()
	few, dropFew, err := b.infoStage(ctx, b.size(100_000))
	if err != nil {
		return nil, err
	}
	defer dropFew()
	got, err := b.alternate(ctx, b.loaded(many.ours, many.infos(1, 0)), b.loaded(few.ours, few.infos(1, 0)))
	if err != nil {
		return nil, err
	}
	return []result{latency(fmt.Sprintf("p50 of info among %d keys, beside %d", many.keys, few.keys), got[0], got[1], p50, goal{most: 1.3})}, nil
}
