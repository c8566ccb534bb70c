package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/keyseat/keyseat/daemon/terminal"
)

// versionCmd is the command keyseatd version.
type versionCmd struct{ outputFlag }

// Run prints the version, the revision of the sources, the toolchain and the platform.
func (v *versionCmd) Run(_ context.Context, c stdio) error {
	b := newBuild()
	if v.Output == terminal.JSON {
		return terminal.PrintJSON(c.out, b)
	}
	_, err := fmt.Fprintf(c.out, "%s\nrevision  %s\nof        %s\nbuilt by  %s for %s\n", version(), b.Revision, b.Time, b.Go, b.Platform)
	return err
}

// version returns the program's name and the module's version, as the toolchain recorded it.
func version() string { return "keyseatd " + newBuild().Version }

// A build is the build information that the toolchain stores in the program.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // of the sources, with "+changes" for uncommitted changes
	Time     string `json:"time"`     // of the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newBuild() build {
	b := build{Version: "(devel)", Revision: "unknown", Time: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				b.Revision += "+changes"
			}
		}
	}
	return b
}

// manCmd is the command keyseatd man. The packages for Linux contain its output.
type manCmd struct{ commandTree }

// Run prints the manual page of all commands, in the language of man(7).
func (m *manCmd) Run(_ context.Context, c stdio) error {
	out := bufio.NewWriter(c.out)
	writeManual(out, m.root)
	return out.Flush()
}

// manualIntro is the start of the manual page.
const manualIntro = `.TH KEYSEATD 1
.SH NAME
keyseatd \- sell slots of family plans for prepaid keys
.SH SYNOPSIS
.B keyseatd
.I COMMAND
[\fIARGUMENT\fR...] [\fIFLAG\fR...]
.SH DESCRIPTION
keyseatd serves the API, the page for customers and the console, and manages the database.
Each flag of serve can also be set by a variable and by the file of \fB\-\-config\fR.
.SH EXIT STATUS
0 if the command worked, 1 if it failed, 2 if the call was wrong.
.SH FLAGS OF ALL COMMANDS
`

// writeManual writes the manual page. A [bufio.Writer] keeps its first error, and Flush returns it.
func writeManual(w io.Writer, root *kong.Node) {
	_, _ = io.WriteString(w, manualIntro)
	writeManualFlags(w, root.Flags)
	_, _ = io.WriteString(w, ".SH COMMANDS\n")
	for _, leaf := range root.Leaves(true) {
		_, _ = fmt.Fprintf(w, ".SS %s\n%s\n", roff(strings.TrimPrefix(leaf.Path(), root.Name+" ")), roff(leaf.Help))
		for _, p := range leaf.Positional {
			_, _ = fmt.Fprintf(w, ".TP\n.I %s\n%s\n", roff(p.Summary()), roff(p.Help))
		}
		writeManualFlags(w, leaf.Flags)
		for paragraph := range strings.SplitSeq(leaf.Detail, "\n\n") {
			switch {
			case strings.HasPrefix(paragraph, "    "):
				_, _ = fmt.Fprintf(w, ".PP\n.nf\n%s\n.fi\n", roff(paragraph))
			case paragraph != "":
				_, _ = fmt.Fprintf(w, ".PP\n%s\n", roff(paragraph))
			}
		}
	}
}

func writeManualFlags(w io.Writer, flags []*kong.Flag) {
	for _, f := range flags {
		if !f.Hidden {
			_, _ = fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(f.String()), roff(flagHelp(f.Value)))
		}
	}
}

// roff escapes a text for man(7): a hyphen would become a longer dash, and a line with a dot at its start a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
