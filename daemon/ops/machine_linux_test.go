package ops_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// project is the root of this module.
const project = "../.."

// A tool is a program that the tests run, with the names of its packages.
type tool struct {
	program   string
	apt, path string // the package, and where in it the program is
	brew      string // "" where brew has no such package
	extract   bool   // only the program is extracted from apt's package, because the whole package starts a server
	linux     bool   // only Linux needs it
}

var tools = []tool{
	{program: "make", apt: "make", path: "bin/make", brew: "make"},
	{program: "initdb", apt: "postgresql", path: "usr/lib/postgresql/15/bin/initdb", brew: "postgresql@17"},
	{program: "pgbouncer", apt: "pgbouncer", path: "usr/sbin/pgbouncer", brew: "pgbouncer", extract: true},
	{program: "curl", apt: "curl", path: "bin/curl", brew: "curl"},
	{program: "ps", apt: "procps", path: "bin/ps", brew: "procps"},
	{program: "zsh", apt: "zsh", path: "bin/zsh", brew: "zsh"},
	{program: "fish", apt: "fish", path: "bin/fish", brew: "fish"},
	{program: "python3", apt: "python3", path: "bin/python3", brew: "python"},
	{program: "php", apt: "php-cli", path: "bin/php", brew: "php"},
	{program: "node", apt: "nodejs", path: "bin/node", brew: "node"},
	{program: "chromium", apt: "chromium-headless-shell", path: "bin/chromium", brew: "chromium"},
	{program: "promtool", apt: "prometheus", path: "usr/bin/promtool", brew: "prometheus", extract: true},
	{program: "patroni", apt: "patroni", path: "bin/patroni", linux: true},
	{program: "etcd", apt: "etcd-server", path: "usr/bin/etcd", brew: "etcd", extract: true, linux: true},
}

// The package managers of a machine log their arguments, and install from a folder of packages.
var managers = map[string]string{
	"apt-get": `
echo "apt-get $*" >>"$LOG"
for last; do :; done
case " $* " in *" download "*) : >"${last}_1_all.deb" ;; esac
case " $* " in *" install "*) for word; do [ ! -d "$PACKAGES/$word" ] || cp -R "$PACKAGES/$word/." "$ROOT"; done ;; esac`,
	"dpkg-deb": `
echo "dpkg-deb $*" >>"$LOG"
name=${2##*/}
case $1 in
--fsys-tarfile) tar -c -C "$PACKAGES/${name%%_*}" . ;;
-f) echo 'adduser, libc6 (>= 2.36), libjs-moment, libevent-2.1-7 (>= 2.1) | libevent2' ;;
esac`,
	"brew": `
echo "brew $*" >>"$LOG"
for word; do [ ! -d "$PACKAGES/$word" ] || cp -R "$PACKAGES/$word/." "$ROOT"; done`,
	"sudo": `
echo "sudo $*" >>"$LOG"
exec "$@"`,
}

// hostPrograms are the programs of this machine that the scripts and the stubs use.
var hostPrograms = []string{
	"bash", "cat", "chmod", "cp", "dirname", "env", "grep", "gzip", "mkdir", "mktemp", "mv", "nice", "rm", "sed", "setsid", "sh", "sleep", "sort", "tail", "tar", "tee", "tr", "uniq",
}

// A machine is a PATH of stubs and a root folder of its own.
type machine struct {
	*testing.T
	root, packages, log string
	env                 []string
}

// newMachine makes a machine of root's on which nothing is installed.
func newMachine(t *testing.T, system string) *machine {
	t.Helper()
	dir := t.TempDir()
	m := &machine{T: t, root: dir + "/root", packages: dir + "/packages", log: dir + "/log"}
	m.env = []string{
		"PATH=" + m.root + "/bin:" + m.root + "/usr/local/bin", "TMPDIR=" + dir, "LOG=" + m.log,
		"PACKAGES=" + m.packages, "ROOT=" + m.root, "KEYSEAT_NEEDS_ROOT=" + m.root,
	}
	for _, name := range hostPrograms {
		path, err := exec.LookPath(name)
		if err == nil {
			err = errors.Join(os.MkdirAll(m.root+"/bin", 0o700), os.Symlink(path, m.root+"/bin/"+name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m.program("bin/uname", "echo "+system)
	m.program("bin/id", "echo 0")
	return m
}

// linux makes a machine that has apt-get.
func linux(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t, "Linux")
	m.program("bin/apt-get", managers["apt-get"])
	m.program("bin/dpkg-deb", managers["dpkg-deb"])
	for _, tool := range tools {
		m.write(filepath.Join(m.packages, tool.apt, tool.path), loggingStub(tool.program))
	}
	return m
}

// withBrew makes a machine that has brew.
func withBrew(t *testing.T, system string) *machine {
	t.Helper()
	m := newMachine(t, system)
	m.program("bin/brew", managers["brew"])
	for _, tool := range tools {
		m.write(filepath.Join(m.packages, tool.brew, "bin", tool.program), loggingStub(tool.program))
	}
	return m
}

// loggingStub returns a stub of a program, which logs its arguments.
func loggingStub(program string) string { return `echo "` + program + ` $*" >>"$LOG"` }

// has reports whether a file is on the machine.
func (m *machine) has(path string) bool {
	_, err := os.Stat(filepath.Join(m.root, path))
	return err == nil
}

// program puts a program on the machine.
func (m *machine) program(path, script string) { m.write(filepath.Join(m.root, path), script) }

func (m *machine) write(path, script string) {
	m.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700) //nolint:gosec // a program
	}
	if err != nil {
		m.Fatal(err)
	}
}

// install puts all tools on the machine but one, by the name of its program.
func (m *machine) install(missing string) {
	m.Helper()
	for _, tool := range tools {
		if tool.program != missing {
			m.program("bin/"+tool.program, loggingStub(tool.program))
		}
	}
}

// run runs a script of the project. It returns the exit status, the output, and the log of the stubs.
func (m *machine) run(script string, args ...string) (status int, output, log string) {
	m.Helper()
	path, err := filepath.Abs(filepath.Join(project, script))
	if err != nil {
		m.Fatal(err)
	}
	return m.execute(path, args...)
}

func (m *machine) execute(path string, args ...string) (status int, output, log string) {
	m.Helper()
	_ = os.Remove(m.log) // it may not be there
	cmd := exec.CommandContext(m.Context(), path, args...)
	cmd.Env = m.env
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		m.Fatal(err)
	}
	logged, err := os.ReadFile(m.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		m.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out), string(logged)
}
