package tasks_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

var update = flag.Bool("update", false, "rewrite the life stories in testdata with what happens now")

// TestStories runs the stories in testdata. Each file has the story of one key. A line without indentation is a
// command. The indented lines below a command are its results, and the changes since the previous command:
//
//	plan ID COUNTRY SIZE          an operator adds a plan
//	key STATUS [used] [invite=I]  an operator imports the key K
//	accept KIND [COUNTRY]         a holder requests a task
//	lease                         a worker leases the due task
//	answer EFFECT [OUTCOME] [after=D]  the connector returns this result, and the worker settles it
//	unsent                        the worker returns the lease
//	die                           the worker stops, and its lease continues until it expires
//	advance D                     time passes
//	revoke, restore, reset, hurry, release, resolve OUTCOME [TASK]  an operator's changes
//	info                          the shape of the info response
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if filepath.Base(file) == "sentences.txt" {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { tell(t, file) })
	}
}

func tell(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := story{shop: open(t), shown: map[string]string{}}
	var told strings.Builder
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		told.WriteString(line)
		if command := strings.Fields(line); len(command) > 0 && command[0] != "#" {
			s.do(command)
			told.WriteString(s.changes())
		}
	}
	if *update {
		err = os.WriteFile(file, []byte(told.String()), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := told.String(); got != string(text) && !*update {
		t.Errorf("%s\n%s", file, difference(string(text), got))
	}
}

// difference returns the first line in which two texts differ.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i+1, b[i], a[i])
		}
	}
	return fmt.Sprintf("%d lines, not %d", len(b), len(a))
}

// A story is a shop that stores the texts of earlier commands, so that it can print the changes.
type story struct {
	*shop
	job    *tasks.Job
	lines  []string // the results of the present command
	shown  map[string]string
	events int
}

func (s *story) say(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *story) do(command []string) {
	switch words := append(command[1:], "", ""); command[0] {
	case "plan":
		size, err := strconv.Atoi(words[2])
		s.must(err)
		s.plan(words[0], stock.Country(words[1]), size)
	case "key":
		s.key(parseKey(words))
	case "accept":
		q := s.request(tasks.Kind(words[0]))
		q.Country = words[1]
		if q.Country == "" {
			q.Country = "US"
		}
		s.verdict(s.Accept(s.t.Context(), q))
	case "lease", "die", "unsent", "answer", "advance":
		s.work(command[0], words)
	default:
		s.steer(command[0], words)
	}
}

func (s *story) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) verdict(err error) {
	if err != nil {
		s.say("refused: %v", err)
	}
}

func parseKey(words []string) keys.Key {
	k := keys.Key{Status: keys.Status(words[0])}
	for _, w := range words[1:] {
		if invite, found := strings.CutPrefix(w, "invite="); found {
			k.Invite, k.Address, k.Used = invite, "old street", true
		}
		k.Used = k.Used || w == "used"
	}
	return k
}

func (s *story) work(command string, words []string) {
	switch command {
	case "lease":
		jobs, err := s.Lease(s.t.Context(), "worker", 1, ttl)
		s.must(err)
		if len(jobs) == 0 {
			s.say("nothing is due")
			return
		}
		s.job = &jobs[0]
	case "die":
		s.job = nil
	case "unsent":
		_, err := s.store.Extend(s.t.Context(), []tasks.Ref{s.job.Task.Ref()}, 0)
		s.must(err)
	case "answer":
		s.answer(words)
	case "advance":
		d, err := time.ParseDuration(words[0])
		s.must(err)
		s.now = s.now.Add(d)
	}
}

var effects = map[string]tasks.Effect{
	"unknown": tasks.Unknown, "none": tasks.None, "pending": tasks.Pending, "refused": tasks.Refused, "settled": tasks.Settled,
}

func (s *story) answer(words []string) {
	effect, known := effects[words[0]]
	if !known {
		s.t.Fatalf("no such effect: %s", words[0])
	}
	a := tasks.ConnectorResult{Effect: effect}
	for _, w := range words[1:] {
		if after, found := strings.CutPrefix(w, "after="); found {
			d, err := time.ParseDuration(after)
			s.must(err)
			a.RetryAfter = d
		} else if w != "" {
			a.Outcome = tasks.Outcome(w)
		}
	}
	s.provider = func(o tasks.ConnectorRequest) tasks.ConnectorResult {
		s.say("asked to %s with key %s, attempt %d%s", o.Kind, o.IdempotencyKey(), o.Attempt, in(o.Plan.ID))
		return a
	}
	before := len(s.orders)
	s.verdict(s.shop.work(*s.job).Err)
	if len(s.orders) == before {
		s.say("nobody was asked")
	}
}

func in(plan string) string {
	if plan == "" {
		return ""
	}
	return ", plan " + plan
}

func (s *story) steer(command string, words []string) {
	decisions := map[string]func(tasks.Snapshot, string) (tasks.Change, error){
		"revoke": tasks.Revoke, "restore": tasks.Restore, "reset": tasks.Reset, "hurry": tasks.RetryNow, "release": tasks.Release,
		"resolve": func(v tasks.Snapshot, id string) (tasks.Change, error) {
			return tasks.Resolve(v, tasks.Outcome(words[0]), id)
		},
	}
	if decide, found := decisions[command]; found {
		s.verdict(s.Update(s.t.Context(), s.reader(words[1]), decide))
		return
	}
	if command != "info" {
		s.t.Fatalf("no such command: %s", command)
	}
	k, err := s.Info(s.t.Context(), "K")
	s.must(err)
	s.say("%s", [...]string{"not found", "reusable", "by invite", "by message", "by account"}[k.InfoShape()])
}

// reader returns a function that reads the task with an id. If the id is empty, the function reads the key with its
// latest task.
func (s *story) reader(id string) func(context.Context) (tasks.Snapshot, error) {
	return func(ctx context.Context) (tasks.Snapshot, error) {
		if id != "" {
			return s.store.Task(ctx, id)
		}
		return s.Snapshot(ctx, "K")
	}
}

// changes returns the results of the present command, and every change since the previous command.
func (s *story) changes() string {
	v := s.view()
	if v.Key.Exists() {
		s.show("key", describeKey(v.Key))
	}
	if v.Task != nil {
		s.show("task", describeTask(*v.Task))
	}
	for _, p := range s.plans() {
		s.show("plan "+p.ID, describePlan(p))
	}
	history := s.history()
	for _, e := range history[s.events:] {
		s.say("told: %s", describeEvent(e))
	}
	s.events = len(history)
	text := ""
	for _, line := range s.lines {
		text += "  " + line + "\n"
	}
	s.lines = nil
	return text
}

func (s *story) show(what, now string) {
	if s.shown[what] != now {
		s.shown[what] = now
		s.say("%s: %s", what, now)
	}
}
