package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// highConcurrency is the number of connections of the heaviest loads.
const highConcurrency = 256

// newInfoSetup makes a setup with keys in use. It accepts no request, so the connector has nothing to do.
func (b *bench) newInfoSetup(ctx context.Context, keys int) (*setup, error) {
	s, err := b.newSetup(ctx, "--connector", "sim")
	if err != nil {
		return nil, err
	}
	s.keys = keys
	return s, fillUsedKeys(ctx, s.url, keys)
}

func (s *setup) infoLoad(conns int, rate float64) load {
	return load{conns, s.length, rate, infoRequests(s.keys)}
}

// openLoopShare is the rate of the open loop for both programs, as a part of the bare handler's throughput.
const openLoopShare = 0.7

func rowInfo(ctx context.Context, b *bench) ([]result, error) {
	s, err := b.newInfoSetup(ctx, b.size(100_000))
	if err != nil {
		return nil, err
	}
	if err := s.expectSameResponse(ctx, s.startOurs, s.peerStarter("bare-info")); err != nil {
		return nil, err
	}
	full := s.infoLoad(highConcurrency, 0)
	got, err := b.alternate(ctx, s.underLoad(s.startOurs, full), s.underLoad(s.peerStarter("bare-info"), full), s.underLoad(s.peerStarter("constant"), full))
	if err != nil {
		return nil, err
	}
	some := s.infoLoad(32, 0)
	fewer, err := b.alternate(ctx, s.underLoad(s.startOurs, some), s.underLoad(s.peerStarter("bare-info"), some), s.underLoad(s.peerStarter("constant"), some))
	if err != nil {
		return nil, err
	}
	paced := s.infoLoad(highConcurrency, openLoopShare*got[1].median(rate))
	open, err := b.alternate(ctx, s.underLoad(s.startOurs, paced), s.underLoad(s.peerStarter("bare-info"), paced))
	if err != nil {
		return nil, err
	}
	return []result{
		throughput("info, 256 connections, compared with net/http + pgx with one prepared query", got[0], got[1], goal{min: 2.3, aim: 3}).within(got[2], got[1]),
		latency(fmt.Sprintf("p99 of info at %.0f/s, 70 %% of that program's throughput", paced.rate), open[0], open[1], p99, goal{max: 0.8}),
		throughput("info, 256 connections, compared with a handler without a database", got[0], got[2], goal{min: 0.7}),
		throughput("info, 32 connections, compared with net/http + pgx", fewer[0], fewer[1], goal{}).within(fewer[2], fewer[1]),
	}, nil
}

func rowInfoSingle(ctx context.Context, b *bench) ([]result, error) {
	s, err := b.newInfoSetup(ctx, b.size(100_000))
	if err != nil {
		return nil, err
	}
	one := s.infoLoad(1, 0)
	got, err := b.alternate(ctx, s.underLoad(s.startOurs, one), s.underLoad(s.peerStarter("bare-info"), one))
	if err != nil {
		return nil, err
	}
	// No request shares a statement with another one, so the compared program does the least.
	return []result{throughput("info, 1 connection, compared with net/http + pgx", got[0], got[1], goal{min: 0.85}).within(got[1], got[1])}, nil
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
	infoRequests(1)(r)
	body, err := c.do(r.raw)
	return string(body), err
}

// rowSize compares the latency of info among many keys with its latency among few.
func rowSize(ctx context.Context, b *bench) ([]result, error) {
	many, err := b.newInfoSetup(ctx, b.size(10_000_000))
	if err != nil {
		return nil, err
	}
	few, err := b.newInfoSetup(ctx, b.size(100_000))
	if err != nil {
		return nil, err
	}
	got, err := b.alternate(ctx, b.underLoad(many.startOurs, many.infoLoad(1, 0)), b.underLoad(few.startOurs, few.infoLoad(1, 0)))
	if err != nil {
		return nil, err
	}
	return []result{latency(fmt.Sprintf("p50 of info among %d keys, compared with %d", many.keys, few.keys), got[0], got[1], p50, goal{max: 1.3})}, nil
}

// countryCodes are 200 country codes, with ZW as the last one. Some countries are left out to make 200.
const countryCodes = `
	AD AE AF AG AI AL AM AO AR AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CN
	CO CR CU CV CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FM FR GA GB GD GE GH GM GN GQ GR GT GW GY HK HN HR HT HU ID
	IE IL IN IQ IR IS IT JM JO JP KE KG KH KI KM KN KP KR KW KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM
	MN MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PS PT PW PY QA RO RS RU RW SA SB SC SD SE SG
	SI SK SL SM SN SO SR ST SV SY SZ TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VN VU WS YE ZA ZM XK ZW`

// rowStock compares the throughput of stock with that of info, on the same database. It also measures the age
// of stock responses under that load, and the latency of stock on an idle daemon.
func rowStock(ctx context.Context, b *bench) ([]result, error) {
	s, err := b.newInfoSetup(ctx, b.size(100_000))
	if err != nil {
		return nil, err
	}
	plans := b.size(1_000_000)
	if err := s.fillPlans(ctx, plans); err != nil {
		return nil, err
	}
	stockLoad := load{highConcurrency, s.length, 0, stockRequests(lastCountry)}
	got, err := b.alternate(ctx, s.underLoad(s.startOurs, stockLoad), s.underLoad(s.startOurs, s.infoLoad(highConcurrency, 0)))
	if err != nil {
		return nil, err
	}
	age, err := s.measureAge(ctx, stockLoad)
	if err != nil {
		return nil, err
	}
	single, _, err := s.measureOnce(ctx, s.startOurs, load{1, s.length, 0, stockRequests(lastCountry)})
	if err != nil {
		return nil, err
	}
	return []result{
		throughput("stock, 256 connections, compared with keyseatd's own info", got[0], got[1], goal{min: 0.8}),
		atMost("age of a stock response under that load", "oldest "+duration(float64(age)), age, time.Second),
		atMost(fmt.Sprintf("stock of %d plans, 1 connection, p50", plans), series{single}.latencyText(), single.p50, 3*time.Millisecond),
	}, nil
}

// lastCountry is in every complete response to stock.
const lastCountry = `"country_code":"ZW"`

// fillPlans adds n plans in all countries.
func (s *setup) fillPlans(ctx context.Context, n int) error {
	countries := `SELECT country, row_number() OVER () - 1 AS i FROM regexp_split_to_table('` + strings.TrimSpace(countryCodes) + `', '\s+') country`
	return execute(ctx, s.url, append([]string{
		`INSERT INTO keyseat_countries SELECT country FROM (` + countries + `) c`,
		fmt.Sprintf(`INSERT INTO keyseat_plans (id, country, address, invite, size, held, spent, suspect, retired, fault)
			SELECT 'plan-' || n, country, n || ' Main Street', 'https://provider.example/invite/' || n, %d, n %% 3, n %% 2, 0, false, ''
			FROM generate_series(1, %d) n JOIN (%s) c ON c.i = n %% (SELECT count(*) FROM keyseat_countries)`, slotsPerPlan, n, countries),
	}, maintenanceSQL...)...)
}

// ageProbes is the number of measurements of the age.
const ageProbes = 5

// measureAge returns the largest age of a stock response under the load. It changes the slots of one country
// repeatedly. The age is the time from the commit to the last request whose response shows the old count.
func (s *setup) measureAge(ctx context.Context, l load) (oldest time.Duration, err error) {
	server, err := s.startOurs(ctx)
	if err != nil {
		return 0, err
	}
	defer server.kill()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.length = time.Minute // the context ends earlier
	go func() { _, _ = l.on(ctx, server.addr) }()
	time.Sleep(warmup) // then the load runs
	for n := range ageProbes {
		age, err := s.probeAge(ctx, server.addr, 1_000_000+n)
		if err != nil {
			return 0, err
		}
		oldest = max(oldest, age)
	}
	return oldest, nil
}

// probeAge sets the size of Germany's first plan, and waits until a response shows the change.
func (s *setup) probeAge(ctx context.Context, addr string, size int) (age time.Duration, err error) {
	c, err := dial(ctx, addr)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.conn.Close() }() // the measurement is over
	r := &request{}
	stockRequests(lastCountry)(r)
	before, err := c.freeSlots(r)
	if err != nil {
		return 0, err
	}
	err = withConn(ctx, s.url, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `UPDATE keyseat_plans SET size = $1 WHERE seq = (SELECT min(seq) FROM keyseat_plans WHERE country = 'DE')`, size)
		return err
	})
	changed := time.Now()
	for now, after := changed, before; err == nil && bytes.Equal(before, after); now = time.Now() {
		if after, err = c.freeSlots(r); bytes.Equal(before, after) {
			age = now.Sub(changed)
		}
		if age > waitTimeout {
			return 0, fmt.Errorf("%w: no response shows the change", errUnexpected)
		}
	}
	return age, err
}

// freeSlots returns the number of free slots in Germany, as the response has it.
func (c *client) freeSlots(r *request) ([]byte, error) {
	body, err := c.do(r.raw)
	_, rest, _ := bytes.Cut(body, []byte(`"country_code":"DE","slots":`))
	slots, _, found := bytes.Cut(rest, []byte("}"))
	if err == nil && !found {
		err = fmt.Errorf("%w: no slots in Germany", errUnexpected)
	}
	return bytes.Clone(slots), err
}
