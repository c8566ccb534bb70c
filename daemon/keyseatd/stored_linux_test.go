package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// full runs a command whose output cannot be written, because the device is full or the reader is gone.
func (sh shell) full(gone bool, input string, args ...string) (stderr string, status int) {
	sh.Helper()
	self, err := os.Executable()
	if err != nil {
		sh.Fatal(err)
	}
	out, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		sh.Fatal(err)
	}
	if gone {
		_ = out.Close()
		reader, writer, err := os.Pipe()
		if err != nil {
			sh.Fatal(err)
		}
		_ = reader.Close()
		out = writer
	}
	defer func() { _ = out.Close() }() // no output is expected in it
	var printed strings.Builder
	cmd := exec.CommandContext(sh.Context(), self, args...)
	cmd.Env = append(append(os.Environ(), asProgram+"=yes"), sh.env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), out, &printed
	_ = cmd.Run() // the exit status is read below
	return printed.String(), cmd.ProcessState.ExitCode()
}

// TestStoredButNotPrinted checks the error of a command that has stored a change but cannot print. The
// error must report the stored change and name a command that helps.
func TestStoredButNotPrinted(t *testing.T) {
	for name, gone := range map[string]bool{"full": false, "reader gone": true} {
		t.Run(name, func(t *testing.T) {
			sh := shell{t, t.TempDir(), nil}
			sh.env = []string{"KEYSEAT_DATABASE=sqlite:" + sh.dir + "/keyseat.db"}
			master, tokens := sh.masterFile(), sh.dir+"/admin-tokens"
			for _, c := range []struct{ line, input, want, next string }{
				{"migrate", "", "the schema is up to date", "keyseatd migrate"},
				{"keys import -", "code\nann\n", "imported: 1 keys", "keyseatd keys export --batch"},
				{"keys generate --count 3", "", "3 keys are stored", "keyseatd keys export --batch"},
				{"keys revoke ann", "", "the key is revoked", "keyseatd keys restore"},
				{"keys restore ann", "", "the key is no longer revoked", "keyseatd keys revoke"},
				{"keys reset ann", "", "the key is usable again", "keyseatd keys show"},
				{"plans import -", "id,country,slots\np,US,5\n", "imported: 1 plan", "keyseatd plans list"},
				{"plans retire p", "", "the plan is retired", "keyseatd plans restock"},
				{"master-key add " + master, "", "is the first of " + master, "keyseatd master-key prune"},
				{"master-key add " + master, "", "is the first of " + master, "keyseatd master-key prune"},
				{"master-key prune " + master, "", "dropped from " + master + ": 1 keys", "no open task"},
				{"admin-token add " + tokens + " --name web --role read", "", "the token of web is in " + tokens, "delete the last line that begins with web"},
				{"archive --before 2020-01-01 --to " + sh.dir + "/archive", "", "archived 0 tasks", sh.dir + "/archive"},
				{"backup " + sh.dir + "/copy.db", "", "to " + sh.dir + "/copy.db", "the backup is complete"},
				{"restore " + sh.dir + "/copy.db", "", "the old database is kept as " + sh.dir + "/keyseat.db.before-", "keyseatd doctor"},
			} {
				if strings.HasPrefix(c.line, "master-key prune") {
					sh.rest()
				}
				stderr, status := sh.full(gone, c.input, strings.Fields(c.line)...)
				line, rest, _ := strings.Cut(auditLines.ReplaceAllString(stderr, ""), "\n")
				if status != exitFailed || rest != "" || !strings.HasPrefix(line, "keyseatd: cannot write the output (") ||
					!strings.Contains(line, ", but ") || !strings.Contains(line, c.want) || !strings.Contains(line, c.next) {
					t.Errorf("%s: status %d, %q\nwant %s, %s", c.line, status, stderr, c.want, c.next)
				}
				if batch := regexp.MustCompile(`keys export --batch (\w+)`).FindStringSubmatch(stderr); batch != nil {
					sh.exports(batch[1], strings.Count(c.line, "generate")*2+1)
				}
			}
		})
	}
}

// exports checks that the batch has n keys.
func (sh shell) exports(batch string, n int) {
	sh.Helper()
	if out := sh.ok("keys", "export", "--batch", batch); strings.Count(out, "\n") != n+1 {
		sh.Errorf("batch %s: %q", batch, out)
	}
	sh.fails(exitFailed, "batch "+batch+"X has no keys", "", "keys", "export", "--batch", batch+"X")
}

// TestAReportForNobody checks that a report without a reader ends as other programs do.
func TestAReportForNobody(t *testing.T) {
	sh := shell{t, t.TempDir(), nil}
	sh.env = []string{"KEYSEAT_DATABASE=sqlite:" + sh.dir + "/keyseat.db"}
	sh.ok("keys", "generate", "--count", "10")
	if stderr, status := sh.full(true, "", "keys", "export"); stderr != "" || status == exitDone {
		t.Errorf("status %d, %q", status, stderr)
	}
}
