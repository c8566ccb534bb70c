package faults_test

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

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// skewDaemons gives each daemon a clock with the offset in a file.
func (c *clocks) skewDaemons(n int, off func(i int) time.Duration) {
	for i := range n {
		one := *c.Shop
		one.Program = harness.FaultInjectingProgram(c.T)
		one.Env = append(slices.Clone(c.Env), "KEYSEAT_SKEW="+c.skewFile(i))
		c.shopOf[i] = &one
	}
	c.set = func() {
		for i := range n {
			c.write(c.skewFile(i), off(i))
		}
	}
}

func (c *clocks) skewFile(i int) string { return filepath.Join(c.Folder, fmt.Sprint("skew-", i)) }

// write replaces a file in one step.
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

// skewPostgres gives the database a clock with the offset in a table. A function that comes first in the search path
// of the daemons replaces the real one.
func (c *clocks) skewPostgres() {
	c.SkipOnCitus("the workers of Citus would not have the function")
	db, err := sql.Open("pgx", c.Database)
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
	c.Database = withOption(c.T, c.Database, "-c search_path=public,skew,pg_catalog")
}

// withOption adds an option of the server to the URL of a database.
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
