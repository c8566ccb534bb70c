// Package ops_test tests the scripts and the files that come with keyseat.
package ops_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const needs = ".ci/needs"

// installed returns the packages that a package manager was called with, without its own options.
func installed(log, manager, verb string) (names []string) {
	for line := range strings.Lines(log) {
		words := strings.Fields(line)
		if words[0] != manager || !slices.Contains(words, verb) {
			continue
		}
		for _, word := range words[1:] {
			if word != verb && !strings.HasPrefix(word, "-") && !strings.Contains(word, "::") {
				names = append(names, word)
			}
		}
	}
	return names
}

// TestNeedsWithApt checks that each missing program is installed by the name of its package, alone and
// without its server, and is found afterwards.
func TestNeedsWithApt(t *testing.T) {
	t.Parallel()
	for _, tool := range tools {
		m := linux(t)
		m.install(tool.program)
		status, out, log := m.run(needs)
		downloaded, installed := installed(log, "apt-get", "download"), installed(log, "apt-get", "install")
		want := []string{tool.apt}
		if tool.extract {
			want = []string{"libc6", "libevent-2.1-7"}
			if !slices.Equal(downloaded, []string{tool.apt}) || !m.has("usr/local/bin/"+tool.program) {
				t.Errorf("%s: downloaded %q\n%s", tool.program, downloaded, log)
			}
		} else if len(downloaded) > 0 {
			t.Errorf("%s: downloaded %q", tool.program, downloaded)
		}
		if status != 0 || !slices.Equal(installed, want) || !strings.Contains(log, "apt-get update") {
			t.Errorf("%s: status %d, installed %q, not %q\n%s%s", tool.program, status, installed, want, out, log)
		}
		if strings.Count(out, "\n") != 1 || !strings.Contains(out, " "+tool.apt+" (make test NEEDS=no ") {
			t.Errorf("%s: it says %q", tool.program, out)
		}
		if m.has("etc/postgresql-common/createcluster.conf") != (tool.apt == "postgresql") {
			t.Errorf("%s: createcluster.conf is there, or missing", tool.program)
		}
		if status, out, log := m.run(needs); status != 0 || out+log != "" {
			t.Errorf("%s, again: status %d\n%s%s", tool.program, status, out, log)
		}
	}
}

// TestNeedsNothing checks that the script does nothing if nothing is missing.
func TestNeedsNothing(t *testing.T) {
	t.Parallel()
	for _, m := range []*machine{linux(t), withBrew(t, "Linux"), withBrew(t, "Darwin"), newMachine(t, "Linux")} {
		m.install("")
		for _, args := range [][]string{nil, {"no"}} {
			if status, out, log := m.run(needs, args...); status != 0 || out+log != "" {
				t.Errorf("%q: status %d\n%s%s", args, status, out, log)
			}
		}
	}
}

// TestNeedsEverything checks that a bare machine gets all programs, with one line of output and one command.
func TestNeedsEverything(t *testing.T) {
	t.Parallel()
	m := linux(t)
	status, out, log := m.run(needs)
	if status != 0 || strings.Count(out, "\n") != 1 || strings.Count(log, "apt-get install")+strings.Count(log, "apt-get -y") > 1 {
		t.Errorf("status %d\n%s%s", status, out, log)
	}
	got := slices.Concat(installed(log, "apt-get", "download"), installed(log, "apt-get", "install"))
	for _, tool := range tools {
		if !slices.Contains(got, tool.apt) || !strings.Contains(out, " "+tool.apt+" ") {
			t.Errorf("%s is not asked for\n%s%s", tool.apt, out, log)
		}
	}
}

// TestNeedsNo checks that NEEDS=no installs nothing and reports the missing programs.
func TestNeedsNo(t *testing.T) {
	t.Parallel()
	m := linux(t)
	m.install("chromium")
	status, out, log := m.run(needs, "no")
	if want := "Missing, and not installed: chromium-headless-shell. The tests that need them are skipped.\n"; status != 0 || out != want || log != "" {
		t.Errorf("status %d\n%s%s", status, out, log)
	}
	if status, out, log := m.run(needs, "maybe"); status != 2 || log != "" {
		t.Errorf("status %d\n%s%s", status, out, log)
	}
}

// TestNeedsWithBrew checks that brew is called with its own names, and without the packages that it lacks.
func TestNeedsWithBrew(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"Darwin", "Linux"} {
		for _, tool := range tools {
			m := withBrew(t, system)
			m.install(tool.program)
			status, out, log := m.run(needs)
			got := installed(log, "brew", "install")
			var want []string
			switch byHand := tool.brew == "" || tool.program == "chromium" && system == "Linux"; {
			case tool.linux && system != "Linux":
			case byHand:
				if status != 1 || !strings.Contains(out, "install them by hand: "+tool.apt) {
					t.Errorf("%s on %s: status %d, %s", tool.program, system, status, out)
				}
				status = 0
			default:
				want = []string{tool.brew}
				if strings.Count(out, "\n") != 1 || !strings.Contains(out, " "+tool.brew+" (make test NEEDS=no ") {
					t.Errorf("%s on %s: it says %q", tool.program, system, out)
				}
			}
			if status != 0 || !slices.Equal(got, want) {
				t.Errorf("%s on %s: status %d, installed %q, not %q\n%s", tool.program, system, status, got, want, out)
			}
		}
	}
}

// TestNeedsFails checks that a failed installation is an error of one line.
func TestNeedsFails(t *testing.T) {
	t.Parallel()
	bare := newMachine(t, "Linux")
	empty := linux(t)
	empty.install("curl")
	if err := os.RemoveAll(filepath.Join(empty.packages, "curl")); err != nil {
		t.Fatal(err)
	}
	noSudo := linux(t)
	noSudo.program("bin/id", "echo 1000")
	for want, m := range map[string]*machine{
		"Neither apt-get nor brew is here, so install these by hand: make postgresql ": bare,
		"Installed, but their programs are not in PATH: curl\n":                        empty,
		"Installing needs root or sudo.\n":                                             noSudo,
	} {
		if status, out, _ := m.run(needs); status != 1 || !strings.Contains(out, want) {
			t.Errorf("status %d, %q, not %q", status, out, want)
		}
	}
}

// TestNeedsWithSudo checks that without root, the script changes the machine only with sudo.
func TestNeedsWithSudo(t *testing.T) {
	t.Parallel()
	m := linux(t)
	m.program("bin/id", "echo 1000")
	m.program("bin/sudo", managers["sudo"])
	status, out, log := m.run(needs)
	for _, want := range []string{
		"sudo apt-get update", "sudo env DEBIAN_FRONTEND=noninteractive apt-get install", "sudo tar -x",
		"sudo tee " + m.root + "/etc/postgresql-common/createcluster.conf",
	} {
		if status != 0 || !strings.Contains(log, want) {
			t.Errorf("status %d, no %q\n%s%s", status, want, out, log)
		}
	}
}

// TestNeedsFindsWhatTestsFind checks that the script searches the same folders as the tests.
func TestNeedsFindsWhatTestsFind(t *testing.T) {
	t.Parallel()
	script := read(t, needs)
	paths := regexp.MustCompile(`"(/(?:usr|opt|home|Applications)/[^"]+)"`)
	for _, file := range []string{"adapters/pgtest/process.go", "daemon/blackbox/harness/browser.go"} {
		found := paths.FindAllStringSubmatch(read(t, file), -1)
		if len(found) == 0 {
			t.Errorf("%s has no path", file)
		}
		for _, path := range found {
			if !strings.Contains(script, path[1]) {
				t.Errorf("%s looks for %s, the script does not", file, path[1])
			}
		}
	}
}

// TestNeedsShadowsNoProgram checks that no function of the script hides a program from it.
func TestNeedsShadowsNoProgram(t *testing.T) {
	t.Parallel()
	for _, name := range regexp.MustCompile(`(?m)^(\w+)\(\)`).FindAllStringSubmatch(read(t, needs), -1) {
		_, err := exec.LookPath(name[1])
		if err == nil || slices.ContainsFunc(tools, func(tool tool) bool { return tool.program == name[1] }) {
			t.Errorf("the function %s hides the program %s", name[1], name[1])
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(project, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRun checks that .ci/run installs the missing programs, including make, and then runs the tests and the linters. It
// tests a further version of PostgreSQL, which cannot be downloaded here.
func TestRun(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"", "make", "chromium"} {
		m := linux(t)
		m.install(missing)
		for _, program := range []string{"go", "git"} {
			if status, out, log := m.run(".ci/run"); status != 1 || !strings.Contains(out, program+" is missing") || log != "" {
				t.Errorf("without %s: status %d\n%s%s", program, status, out, log)
			}
			m.program("bin/"+program, "exit 0")
		}
		m.program("bin/curl", "exit 6")
		status, out, log := m.run(".ci/run")
		if status != 0 || !strings.Contains(out, "PostgreSQL 18 was not tested") || !strings.Contains(log, "make test\n") || !strings.Contains(log, "make lint\n") || strings.Contains(log, "apt-get") != (missing != "") {
			t.Errorf("without %q: status %d\n%s%s", missing, status, out, log)
		}
	}
}

// TestRunFails checks that .ci/run fails if the linters or the tests fail. It prints what the linters find. If the tests
// fail, it ends the linters.
func TestRunFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lint, test, output, log string }{
		{"echo a finding; exit 2", "exit 0", "a finding\n", ""},
		{
			`trap 'echo ended >>"$LOG"; exit 2' TERM; sleep 60 & echo >"$ROOT/started"; wait`,
			`until [ -e "$ROOT/started" ]; do sleep 0.01; done; exit 1`, "", "ended\n",
		},
	} {
		m := linux(t)
		m.install("")
		m.program("bin/go", "exit 0")
		m.program("bin/git", "exit 0")
		m.program("bin/curl", "exit 6")
		m.program("bin/make", "case $1 in lint) "+c.lint+";; test) "+c.test+";; esac")
		if status, out, log := m.run(".ci/run"); status != 1 || !strings.HasSuffix(out, c.output) || log != c.log {
			t.Errorf("lint %q, test %q: status %d\n%s%s", c.lint, c.test, status, out, log)
		}
	}
}

// TestMakeTest checks that make test requires the installed programs, and with NEEDS=no does not.
func TestMakeTest(t *testing.T) {
	t.Parallel()
	makeProgram, err := exec.LookPath("make")
	if err != nil {
		t.Fatal(err)
	}
	for needs, required := range map[string]string{"": "1", "NEEDS=no": ""} {
		m := linux(t)
		m.install("chromium")
		m.program("bin/go", `echo "go [$KEYSEAT_REQUIRE_POSTGRES] $*" >>"$LOG"`)
		m.program("bin/make", `exec `+makeProgram+` -C "$PROJECT" test `+needs)
		root, err := filepath.Abs(project)
		if err != nil {
			t.Fatal(err)
		}
		m.env = append(m.env, "PROJECT="+root)
		m.program("make-test", "make")
		status, out, log := m.execute(m.root + "/make-test")
		if status != 0 || strings.Count(log, "go ["+required+"]") < 4 || strings.Contains(log, "install") != (needs == "") {
			t.Errorf("%s: status %d\n%s%s", needs, status, out, log)
		}
	}
}

// TestHealthChecks checks that the image and the compose file check the daemon by its own command.
func TestHealthChecks(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"Dockerfile":              `CMD ["/usr/local/bin/keyseatd", "check"]`,
		"daemon/ops/compose.yaml": `test: ["CMD", "/usr/local/bin/keyseatd", "check"]`,
	} {
		if !strings.Contains(read(t, file), want) {
			t.Errorf("%s has no %s", file, want)
		}
	}
}

// TestSecretsStayInside checks that the shipped files keep secrets out of the swap and out of core dumps, and give the
// daemon no superuser of PostgreSQL.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	for file, wanted := range map[string][]string{
		"daemon/ops/keyseatd.service": {"MemorySwapMax=0\n", "LimitCORE=0\n"},
		"daemon/ops/compose.yaml":     {"mem_limit: 512m\n", "memswap_limit: 512m ", "ulimits: { core: 0 }", "CREATE ROLE keyseat LOGIN PASSWORD"},
	} {
		text := read(t, file)
		for _, want := range wanted {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %q", file, want)
			}
		}
		if strings.Contains(text, "POSTGRES_USER") {
			t.Errorf("the role of %s is a superuser", file)
		}
	}
	for _, name := range []string{"master.key", "token", "admin-tokens", "hooks.json"} {
		for _, file := range []string{".gitignore", ".dockerignore"} {
			if !regexp.MustCompile(`(?m)^(\*\*/)?` + regexp.QuoteMeta(name) + `$`).MatchString(read(t, file)) {
				t.Errorf("%s does not name %s, which the README makes", file, name)
			}
		}
	}
}

// TestPackages checks that the scripts make each file of the packages, and that the packages' unit starts the packages'
// program.
func TestPackages(t *testing.T) {
	t.Parallel()
	scripts := read(t, "daemon/ops/release") + read(t, "daemon/ops/packages")
	sources := regexp.MustCompile(`src: ([^,]+), dst: (\S+)\}`).FindAllStringSubmatch(read(t, "daemon/ops/nfpm.yaml"), -1)
	for _, source := range sources {
		_, err := os.Stat(filepath.Join(project, "daemon/keyseatd/completion", source[1]))
		if err != nil && !strings.Contains(scripts, source[1]) {
			t.Errorf("nothing makes %s", source[1])
		}
	}
	unit := read(t, "daemon/ops/keyseatd.service")
	if len(sources) < 9 || sources[0][2] != "/usr/bin/keyseatd" || !strings.Contains(scripts, `s|^\(ExecStart=\)/usr/local/bin/|\1/usr/bin/|`) ||
		!strings.Contains(unit, "\nExecStart=/usr/local/bin/keyseatd ") {
		t.Errorf("%d files, the program is %s", len(sources), sources[0][2])
	}
}

// TestThirdPartyNotices checks that the licences of all modules are printed, also those that are found in every program.
func TestThirdPartyNotices(t *testing.T) {
	t.Parallel()
	script, err := filepath.Abs(filepath.Join(project, "daemon/ops/notices"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"=== Go go1.", "Copyright 2009 The Go Authors", "=== github.com/hashicorp/go-retryablehttp v", "Mozilla Public License", "=== github.com/jackc/pgx/v5 v"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("there is no %q", want)
		}
	}
}
