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

// newInfoSetup makes a setup with keys in use. Its connector has nothing to do, because no task is accepted.
func (b *bench) newInfoSetup(ctx context.Context, keys int) *setup {
	s := b.newSetup(ctx, "--connector", "sim")
	s.keys = keys
	fillUsedKeys(ctx, s.url, keys)
	return s
}

func (s *setup) infoLoad(conns int, rate float64) load {
	return load{conns, s.length, rate, infoRequests(s.keys)}
}

// openLoopShare is the rate of the open loop, as a part of the throughput of the bare peer.
const openLoopShare = 0.7

// rowInfo compares info of keyseatd with the bare peer and with the constant peer.
func rowInfo(ctx context.Context, b *bench) []result {
	s := b.newInfoSetup(ctx, b.size(100_000))
	if ours, theirs := s.infoBody(ctx, s.startOurs), s.infoBody(ctx, s.peerStarter("bare-info")); ours != theirs {
		check(fmt.Errorf("%w: %s and %s", errUnexpected, ours, theirs))
	}
	programs := []starter{s.startOurs, s.peerStarter("bare-info"), s.peerStarter("constant")}
	got := b.alternateUnder(ctx, s.infoLoad(highConcurrency, 0), programs...)
	fewer := b.alternateUnder(ctx, s.infoLoad(32, 0), programs...)
	paced := s.infoLoad(highConcurrency, openLoopShare*got[1].median(rate))
	open := b.alternateUnder(ctx, paced, programs[:2]...)
	return []result{
		throughput("info, 256 connections, compared with net/http + pgx with one prepared query", got[0], got[1], goal{min: 2.3, aim: 3}).within(got[2], got[1]),
		latency(fmt.Sprintf("p99 of info at %.0f/s, 70 %% of that program's throughput", paced.rate), open[0], open[1], p99, goal{max: 0.8}),
		throughput("info, 256 connections, compared with a handler without a database", got[0], got[2], goal{min: 0.7}),
		throughput("info, 32 connections, compared with net/http + pgx", fewer[0], fewer[1], goal{}).within(fewer[2], fewer[1]),
	}
}

func rowInfoSingle(ctx context.Context, b *bench) []result {
	s := b.newInfoSetup(ctx, b.size(100_000))
	got := b.alternateUnder(ctx, s.infoLoad(1, 0), s.startOurs, s.peerStarter("bare-info"))
	// The limit is 1, the ratio of the bare peer to itself, because on one connection requests cannot share a
	// statement.
	return []result{throughput("info, 1 connection, compared with net/http + pgx", got[0], got[1], goal{min: 0.85}).within(got[1], got[1])}
}

// infoBody returns the body of a program's response to info for the first key.
func (s *setup) infoBody(ctx context.Context, start starter) string {
	server := start(ctx)
	defer server.kill()
	c := must(dial(ctx, server.addr))
	defer func() { _ = c.conn.Close() }() // the measurement is over
	r := &request{}
	infoRequests(1)(r)
	return string(must(c.do(r.raw)))
}

// rowSize compares the latency of info in a database with many keys with the latency in a database with few keys.
func rowSize(ctx context.Context, b *bench) []result {
	many := b.newInfoSetup(ctx, b.size(10_000_000))
	few := b.newInfoSetup(ctx, b.size(100_000))
	got := b.alternate(ctx, b.underLoad(many.startOurs, many.infoLoad(1, 0)), b.underLoad(few.startOurs, few.infoLoad(1, 0)))
	return []result{latency(fmt.Sprintf("p50 of info among %d keys, compared with %d", many.keys, few.keys), got[0], got[1], p50, goal{max: 1.3})}
}

// countryCodes are 200 of the country codes of ISO 3166. The last one, ZW, ends every complete response to stock.
const countryCodes = `
	AD AE AF AG AI AL AM AO AR AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CN
	CO CR CU CV CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FM FR GA GB GD GE GH GM GN GQ GR GT GW GY HK HN HR HT HU ID
	IE IL IN IQ IR IS IT JM JO JP KE KG KH KI KM KN KP KR KW KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM
	MN MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PS PT PW PY QA RO RS RU RW SA SB SC SD SE SG
	SI SK SL SM SN SO SR ST SV SY SZ TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VN VU WS YE ZA ZM XK ZW`

// rowStock compares the throughput of stock with the throughput of info, on the same database. It also measures the age
// of stock responses under the same load, and the latency of stock on an idle daemon.
func rowStock(ctx context.Context, b *bench) []result {
	s := b.newInfoSetup(ctx, b.size(100_000))
	plans := b.size(1_000_000)
	s.fillPlans(ctx, plans)
	stockLoad := load{highConcurrency, s.length, 0, stockRequests(lastCountry)}
	got := b.alternate(ctx, s.underLoad(s.startOurs, stockLoad), s.underLoad(s.startOurs, s.infoLoad(highConcurrency, 0)))
	age := s.measureAge(ctx, stockLoad)
	single := s.measureOnce(ctx, s.startOurs, load{1, s.length, 0, stockRequests(lastCountry)})
	return []result{
		throughput("stock, 256 connections, compared with keyseatd's own info", got[0], got[1], goal{min: 0.8}),
		atMost("age of a stock response under that load", "oldest "+duration(float64(age)), age, time.Second),
		atMost(fmt.Sprintf("stock of %d plans, 1 connection, p50", plans), series{single}.latencyText(), single.p50, 3*time.Millisecond),
	}
}

// lastCountry is a text in every complete response to stock.
const lastCountry = `"country_code":"ZW"`

// fillPlans adds n plans, spread over all countries.
func (s *setup) fillPlans(ctx context.Context, n int) {
	countries := `SELECT country, row_number() OVER () - 1 AS i FROM regexp_split_to_table('` + strings.TrimSpace(countryCodes) + `', '\s+') country`
	check(execute(ctx, s.url, append([]string{
		`INSERT INTO keyseat_countries SELECT country FROM (` + countries + `) c`,
		fmt.Sprintf(`INSERT INTO keyseat_plans (id, country, address, invite, size, held, spent, suspect, retired, fault)
			SELECT 'plan-' || n, country, n || ' Main Street', 'https://provider.example/invite/' || n, %d, n %% 3, n %% 2, 0, false, ''
			FROM generate_series(1, %d) n JOIN (%s) c ON c.i = n %% (SELECT count(*) FROM keyseat_countries)`, slotsPerPlan, n, countries),
	}, maintenanceSQL...)...))
}

// ageProbes is the number of times that [setup.measureAge] changes the slots.
const ageProbes = 5

// measureAge returns the largest age of a stock response under a load. For this it changes the slots of one country
// repeatedly. The age is the time from the commit of a change to the last request whose response shows the old slots.
func (s *setup) measureAge(ctx context.Context, l load) (oldest time.Duration) {
	server := s.startOurs(ctx)
	defer server.kill()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.length = time.Minute // longer than the probes; the end of the context stops the load
	go func() { _, _ = l.on(ctx, server.addr) }()
	time.Sleep(warmup) // until the load runs
	for n := range ageProbes {
		oldest = max(oldest, s.probeAge(ctx, server.addr, 1_000_000+n))
	}
	return oldest
}

// probeAge changes the size of a plan in Germany, and returns the age of the last stock response without the change.
func (s *setup) probeAge(ctx context.Context, addr string, size int) (age time.Duration) {
	c := must(dial(ctx, addr))
	defer func() { _ = c.conn.Close() }() // the measurement is over
	r := &request{}
	stockRequests(lastCountry)(r)
	before := c.freeSlots(r)
	check(withConn(ctx, s.url, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `UPDATE keyseat_plans SET size = $1 WHERE seq = (SELECT min(seq) FROM keyseat_plans WHERE country = 'DE')`, size)
		return err
	}))
	changed := time.Now()
	for now := changed; bytes.Equal(before, c.freeSlots(r)); now = time.Now() {
		if age = now.Sub(changed); age > waitTimeout {
			check(fmt.Errorf("%w: no response shows the change", errUnexpected))
		}
	}
	return age
}

// freeSlots sends a request for stock, and returns the text of the number of free slots in Germany.
func (c *client) freeSlots(r *request) []byte {
	_, rest, _ := bytes.Cut(must(c.do(r.raw)), []byte(`"country_code":"DE","slots":`))
	slots, _, found := bytes.Cut(rest, []byte("}"))
	if !found {
		check(fmt.Errorf("%w: no slots in Germany", errUnexpected))
	}
	return bytes.Clone(slots)
}
