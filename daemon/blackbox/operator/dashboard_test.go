package operator_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// opsFolder is the folder with the files for operators.
const opsFolder = harness.Root + "/daemon/ops"

// A panel is a panel of the dashboard. A row of panels has no targets.
type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ X, Y, W, H int }
	Targets []struct{ RefID, Expr string }
}

func dashboard(t *testing.T) (panels []panel) {
	t.Helper()
	var d struct {
		SchemaVersion int
		Panels        []panel
		Templating    struct {
			List []struct{ Name, Type string }
		}
	}
	text := opsFile(t, "grafana-dashboard.json")
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if d.SchemaVersion < 39 || len(d.Templating.List) == 0 || d.Templating.List[0].Type != "datasource" {
		t.Errorf("no dashboard of today's Grafana with its source as a variable: %d, %v", d.SchemaVersion, d.Templating)
	}
	if others := strings.Count(text, `"uid": "`) - strings.Count(text, `"uid": "${datasource}"`); others != 2 {
		t.Errorf("%d names of sources in addition to the variable, not just the dashboard's own and Grafana's", others)
	}
	return d.Panels
}

func opsFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(opsFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDashboardLayout checks that each panel of the dashboard has an id of its own, a title and a query, and that
// panels do not overlap.
func TestDashboardLayout(t *testing.T) {
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range dashboard(t) {
		if ids[p.ID] || p.Title == "" || (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("panel %d, %q, has another's id, no title or no target", p.ID, p.Title)
		}
		ids[p.ID] = true
		if g := p.GridPos; g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("%s does not fit: %+v", p.Title, g)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				place := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[place] != "" {
					t.Fatalf("%s lies on %s", p.Title, taken[place])
				}
				taken[place] = p.Title
			}
		}
	}
	if len(ids) < 20 {
		t.Errorf("only %d panels", len(ids))
	}
}

// dashboardExpressions returns the queries of the dashboard as Grafana would send them.
func dashboardExpressions(t *testing.T) (all []string) {
	t.Helper()
	variables := strings.NewReplacer("$__rate_interval", "1m", "$job", "keyseat", "$instance", ".*")
	for _, p := range dashboard(t) {
		for _, target := range p.Targets {
			expr := variables.Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s has an unknown variable: %s", p.Title, expr)
			}
			all = append(all, expr)
		}
	}
	return all
}

var (
	alertExpression = regexp.MustCompile(`(?m)^        expr: (?:>-\n((?:          .*\n)+)|(.*)\n)`)
	alertName       = regexp.MustCompile(`(?m)^ +- alert: (\w+)$`)
)

func alertExpressions(t *testing.T) (all []string) {
	t.Helper()
	text := opsFile(t, "alerts.yml")
	for _, m := range alertExpression.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.Join(strings.Fields(m[1]+m[2]), " "))
	}
	if rules := strings.Count(text, "expr:"); len(all) != rules || rules < 9 {
		t.Fatalf("%d expressions of %d were read", len(all), rules)
	}
	return all
}

// promtool runs promtool, the checker of Prometheus, in a folder. It must succeed.
func promtool(t *testing.T, folder string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), pgtest.LookPath(t, "promtool"), args...)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestAlertRules checks the alert rules and their test cases. Each alert needs a case in which it fires, and a case in
// which it does not.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	promtool(t, opsFolder, "check", "rules", "alerts.yml")
	promtool(t, opsFolder, "test", "rules", "alerts_test.yml")
	cases := opsFile(t, "alerts_test.yml")
	for _, alert := range alertName.FindAllStringSubmatch(opsFile(t, "alerts.yml"), -1) {
		fires := regexp.MustCompile(`alertname: ` + alert[1] + `\n +exp_alerts:\n`).MatchString(cases)
		silent := strings.Contains(cases, "alertname: "+alert[1]+"\n        exp_alerts: []")
		if !fires || !silent || !strings.Contains(cases, "alertname: "+alert[1]+", exp_alerts: []}") {
			t.Errorf("%s has no case in which it fires, or none in which it does not", alert[1])
		}
	}
}

// TestDashboardExpressions checks that promtool accepts the queries of the dashboard as rules.
func TestDashboardExpressions(t *testing.T) {
	t.Parallel()
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	for i, expr := range dashboardExpressions(t) {
		quoted, _ := json.Marshal(expr) // a string always can be encoded
		fmt.Fprintf(&rules, "      - record: panel:%d\n        expr: %s\n", i, quoted)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "rules.yml"), []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, folder, "check", "rules", "rules.yml")
}

// A mention is a metric in a query, with the labels that the query uses.
type mention struct {
	metric string
	labels []string
}

var (
	quoted    = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	ranges    = regexp.MustCompile(`\[[^\]]*\]`)
	groupings = regexp.MustCompile(`\b(?:by|on|without|ignoring) \(([^)]*)\)`)
	selector  = regexp.MustCompile(`([a-zA-Z_:][\w:]*)(\{[^}]*\}|\()?`)
	word      = regexp.MustCompile(`\w+`)
)

// mentions parses the part of PromQL that the dashboard and the alerts use. It returns the labels of groupings
// separately.
func mentions(expr string) (all []mention, groups []string) {
	expr = ranges.ReplaceAllString(quoted.ReplaceAllString(expr, ""), "")
	for _, m := range groupings.FindAllStringSubmatch(expr, -1) {
		groups = append(groups, word.FindAllString(m[1], -1)...)
	}
	for _, m := range selector.FindAllStringSubmatch(groupings.ReplaceAllString(expr, ""), -1) {
		if m[2] != "(" && !slices.Contains([]string{"and", "or", "unless", "sum", "min", "max", "count"}, m[1]) {
			all = append(all, mention{m[1], word.FindAllString(m[2], -1)})
		}
	}
	return all, groups
}

func TestPromQLParser(t *testing.T) {
	for expr, want := range map[string]string{
		`up{job="x"} == 0`: "[{up [job]}] []",
		`sum by (a, b) (rate(x_total{c=~"5.. } b"}[5m])) / on (d) max(y) > 0.05 and z`: "[{x_total [c]} {y []} {z []}] [a b d]",
	} {
		all, groups := mentions(expr)
		if got := fmt.Sprint(all, groups); got != want {
			t.Errorf("%s mentions %s, not %s", expr, got, want)
		}
	}
}
