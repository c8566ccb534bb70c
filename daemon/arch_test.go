package daemon_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/keyseat/keyseat/"

// The packages that the pure packages may import. They have no side effects, except for the functions in [acts].
var (
	values = []string{"cmp", "errors", "fmt", "iter", "maps", "slices", "strconv", "strings", "time"}
	text   = []string{"unicode", "unicode/utf8"}
	allow  = map[string][]string{
		"keys":  slices.Concat(values, text, []string{"crypto/hmac", "crypto/sha256", "encoding/hex"}),
		"stock": values,
		"tasks": slices.Concat(values, text, []string{"context", "html", "net/url", "golang.org/x/text/unicode/norm", module + "keys", module + "stock"}),
	}
)

// acts are functions that a pure package must not call, although it may import their packages. They read a clock, wait,
// print or read input.
var acts = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"fmt":  {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
}

// belowDaemon are packages below daemon that import neither package daemon nor other packages below daemon, except for
// loglimit.
var belowDaemon = []string{"connlimit", "loglimit", "ratelimit", "worker"}

// outside is a folder next to the checkout. No file may mention it, because clones of the repository do not have it.
const outside = "../" + "shared"

// retired are names of earlier versions, each with the field's term that has replaced it.
var retired = map[string]string{
	"Desk": "Engine", "Asking": "Attempt", "Askings": "ConnectorStats", "PlanCopy": "PlanSnapshot", "Hurry": "RetryNow",
	"Census": "TaskStats", "Cohort": "HourCount", "Cohorts": "CountByHour", "Tally": "PlanAudit", "Allotted": "WithPlan",
	"Realign": "RepairLatestTask", "Restand": "RepairStatus", "Reslot": "RepairSlot", "Unlease": "ExpireLease",
	"Courier": "Dispatcher", "WholeKey": "KeyDetail", "RunCensus": "RunStats", "CensusStore": "StatsStore", "Trio": "HACluster",
	"TaskStray": "TaskExtraOpen", "steerKey": "mutateKey", "steerTask": "mutateTask", "faultOf": "toAPIError",
	"troubleOf": "toPageError", "errNowhere": "errNotFound", "newTide": "newOutcomeChart", "lookAtPlans": "auditPlans",
	"secretfile": "safefile", "ErrNoAnswer": "ErrNoResponse", "ErrAnswer": "ErrInvalidResponse",
	"CountStrangers": "CountUnknownKeys",
}

var retiredName = regexp.MustCompile(`\b(` + strings.Join(slices.Collect(maps.Keys(retired)), "|") + `)\b`)

// words finds retired names in code and documents. It skips this file, which contains all of them.
func (c *checker) words(name string, content []byte) {
	if ext := path.Ext(name); ext != ".go" && ext != ".md" || name == "daemon/arch_test.go" {
		return
	}
	for i, line := range strings.Split(string(content), "\n") {
		for _, word := range retiredName.FindAllString(line, -1) {
			c.fault(name, "line %d: %s is called %s", i+1, word, retired[word])
		}
	}
}

func TestArchitecture(t *testing.T) {
	c := check(os.DirFS(".."))
	for _, fault := range c.faults {
		t.Error(fault)
	}
	for _, layer := range []string{"keys", "stock", "tasks", "adapters", "daemon"} {
		if c.seen[layer] == 0 {
			t.Errorf("no file of %s was checked", layer)
		}
	}
}

// A checker walks a file tree and records breaches of the rules of architecture.
type checker struct {
	tree   fs.FS
	faults []string
	seen   map[string]int // for each layer, the number of files that were checked against its rules
}

func check(tree fs.FS) *checker {
	c := &checker{tree: tree, seen: map[string]int{}}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || c.otherModule(name)):
			return fs.SkipDir
		case entry.Type().IsRegular():
			c.file(name)
		}
		return nil
	})
	if err != nil {
		c.fault(".", "%v", err)
	}
	return c
}

// otherModule reports whether a folder is a module of its own. Such a module may import any
// package.
func (c *checker) otherModule(dir string) bool {
	_, err := fs.Stat(c.tree, path.Join(dir, "go.mod"))
	return dir != "." && err == nil
}

func (c *checker) fault(name, format string, args ...any) {
	c.faults = append(c.faults, name+": "+fmt.Sprintf(format, args...))
}

func (c *checker) file(name string) {
	content, err := fs.ReadFile(c.tree, name)
	if err != nil {
		c.fault(name, "%v", err)
		return
	}
	if strings.Contains(string(content), outside) {
		c.fault(name, "points at %s", outside)
	}
	c.words(name, content)
	if path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go") {
		c.source(name, content)
	}
}

// source checks a Go file against the rules of its layer. Test files may import any package.
func (c *checker) source(name string, content []byte) {
	file, err := parser.ParseFile(token.NewFileSet(), name, content, parser.SkipObjectResolution)
	if err != nil {
		c.fault(name, "%v", err)
		return
	}
	layer, rest, _ := strings.Cut(name, "/")
	c.seen[layer]++
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if c.forbidden(layer, rest, imported) {
			c.fault(name, "imports %s", imported)
		}
	}
	if allow[layer] != nil {
		ast.Inspect(file, func(n ast.Node) bool { return c.pure(name, n) })
	}
}

// forbidden checks the imports between layers, which have one direction. keys and stock import no
// layer; tasks imports these two. The packages below tasks import tasks, and tasks imports none of
// them. Adapters import these three but not each other. daemon imports no adapter; only the command
// in daemon/keyseatd and the harness of its tests do. Packages in internal may be imported by
// adapters and daemon, and import no package of this module.
func (c *checker) forbidden(layer, rest, imported string) bool {
	switch layer {
	case "keys", "stock", "tasks":
		below := layer == "tasks" && strings.Contains(rest, "/") && within(imported, module+"tasks")
		return !slices.Contains(allow[layer], imported) && !below
	case "adapters":
		own, _, _ := strings.Cut(rest, "/")
		return within(imported, module+"daemon") || within(imported, module+"adapters") && !within(imported, module+"adapters/"+own)
	case "internal":
		return strings.HasPrefix(imported, module)
	case "daemon":
		own, _, _ := strings.Cut(rest, "/")
		up := slices.Contains(belowDaemon, own) && within(imported, module+"daemon") && imported != module+"daemon/loglimit"
		binds := own == "keyseatd" || strings.HasPrefix(rest, "blackbox/harness/")
		return up || within(imported, module+"adapters") && !binds
	}
	return false
}

func within(imported, folder string) bool {
	return imported == folder || strings.HasPrefix(imported, folder+"/")
}

// pure finds side effects for which a package needs no further import: reading a clock, printing, starting a goroutine.
func (c *checker) pure(name string, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		c.fault(name, "starts a goroutine")
	case *ast.SelectorExpr:
		if x, is := n.X.(*ast.Ident); is && slices.Contains(acts[x.Name], n.Sel.Name) {
			c.fault(name, "calls %s.%s", x.Name, n.Sel.Name)
		}
	}
	return true
}

// TestArchitectureCheckerFails plants one breach of each rule, and similar code without a breach.
func TestArchitectureCheckerFails(t *testing.T) {
	imports := func(paths ...string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("package p\nimport (\n_ \"" + strings.Join(paths, "\"\n_ \"") + "\"\n)\n")}
	}
	c := check(fstest.MapFS{
		"keys/bad.go":                    imports("fmt", "os"),
		"keys/deeper/bad.go":             imports("net/http", module+"keys"),
		"keys/good_test.go":              imports("os", module+"adapters/memory"),
		"stock/bad.go":                   imports("time", module+"keys"),
		"tasks/bad.go":                   imports("context", module+"keys", module+"adapters/memory", "log/slog"),
		"tasks/up.go":                    imports(module + "tasks/audit"),
		"tasks/audit/good.go":            imports(module+"tasks", module+"tasks/stats", module+"keys"),
		"tasks/audit/bad.go":             imports("os"),
		"tasks/acts.go":                  {Data: []byte("package p\nfunc f() { go f(); fmt.Println(time.Now()); fmt.Sprint(time.Hour) }\n")},
		"tasks/broken.go":                {Data: []byte("package")},
		"adapters/memory/bad.go":         imports(module+"tasks", module+"adapters/batchstore", module+"daemon"),
		"adapters/memory/good.go":        imports(module+"adapters/memory/page", "github.com/keyseat/keyseat/adaptersmore"),
		"adapters/memory/good_test.go":   imports(module + "adapters/storetest"),
		"daemon/bad.go":                  imports(module + "adapters/memory"),
		"daemon/worker/bad.go":           imports(module+"daemon", module+"daemon/ratelimit"),
		"daemon/worker/good.go":          imports(module+"daemon/loglimit", module+"tasks"),
		"daemon/good.go":                 imports(module + "daemon/worker"),
		"daemon/blackbox/harness/a.go":   imports(module + "adapters/pgtest"),
		"daemon/keyseatd/good.go":        imports(module+"adapters/memory", module+"daemon"),
		"daemon/bench/go.mod":            {},
		"daemon/bench/good.go":           imports(module + "adapters/memory"),
		"examples/mount/good.go":         imports(module+"adapters/memory", "os"),
		"README.md":                      {Data: []byte("see " + outside + "/SPEC")},
		"CHANGELOG.md":                   {Data: []byte("An Engine\nwas a Desk, a DeskTop and a desk")},
		"internal/x/bad.go":              imports(module + "tasks"),
		".git/hooks/good":                {Data: []byte(outside)},
		"adapters/memory/testdata/x.txt": {Data: []byte("shared")},
	})
	want := []string{
		"CHANGELOG.md: line 2: Desk is called Engine",
		"README.md: points at " + outside,
		"adapters/memory/bad.go: imports " + module + "adapters/batchstore",
		"adapters/memory/bad.go: imports " + module + "daemon",
		"daemon/bad.go: imports " + module + "adapters/memory",
		"daemon/worker/bad.go: imports " + module + "daemon",
		"daemon/worker/bad.go: imports " + module + "daemon/ratelimit",
		"internal/x/bad.go: imports " + module + "tasks",
		"keys/bad.go: imports os",
		"keys/deeper/bad.go: imports " + module + "keys",
		"keys/deeper/bad.go: imports net/http",
		"stock/bad.go: imports " + module + "keys",
		"tasks/acts.go: calls fmt.Println",
		"tasks/acts.go: calls time.Now",
		"tasks/acts.go: starts a goroutine",
		"tasks/audit/bad.go: imports os",
		"tasks/bad.go: imports " + module + "adapters/memory",
		"tasks/bad.go: imports log/slog",
		"tasks/broken.go: tasks/broken.go:1:8: expected 'IDENT', found 'EOF'",
		"tasks/up.go: imports " + module + "tasks/audit",
	}
	slices.Sort(c.faults)
	if !slices.Equal(c.faults, want) {
		t.Errorf("found:\n%s\nnot:\n%s", strings.Join(c.faults, "\n"), strings.Join(want, "\n"))
	}
}
