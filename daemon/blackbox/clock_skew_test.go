package blackbox_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver, to put the database's clock off
)

// ofDaemons makes the clock of each daemon as far off as a file says.
func (c *clocks) ofDaemons(n int, off func(i int) time.Duration) {
	for i := range n {
		one := *c.shop
		one.program = crashing(c.T)
		one.env = append(slices.Clone(c.env), "KEYSEAT_SKEW="+c.skew(i))
		c.shops[i] = &one
	}
	c.set = func() {
		for i := range n {
			c.write(c.skew(i), off(i))
		}
	}
}

func (c *clocks) skew(i int) string { return filepath.Join(c.folder, fmt.Sprint("skew-", i)) }

// write changes a file in one piece.
func (c *clocks) write(path string, off time.Duration) {
	c.Helper()
	err := os.WriteFile(path+".new", []byte(off.String()), 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		c.Fatal(err)
	}
}

// ofPostgres makes the database's clock as far off as a table says, by a function that stands before
// the real one in the search path of the daemons.
func (c *clocks) ofPostgres() {
	db, err := sql.Open("pgx", c.database)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { _ = db.Close() })
	do := func(statement string) {
		if _, err := db.ExecContext(c.Context(), statement); err != nil {
			c.Fatalf("%s: %v", statement, err)
		}
	}
	do(`CREATE SCHEMA skew`)
	do(`CREATE TABLE skew.clock AS SELECT interval '0' AS off`)
	do(`CREATE FUNCTION skew.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
		'SELECT pg_catalog.statement_timestamp() + off FROM skew.clock'`)
	c.set = func() { do(fmt.Sprintf(`UPDATE skew.clock SET off = interval '%d seconds'`, c.off/time.Second)) }
	c.database = withOption(c.T, c.database, "-c search_path=public,skew,pg_catalog")
}

// withOption adds an option of the server to a database's URL.
func withOption(t *testing.T, address, option string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("options", option)
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}
