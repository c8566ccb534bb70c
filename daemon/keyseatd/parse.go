package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
)

// parse finds the command and fills its fields from the arguments, the environment and the config file. It
// returns nil after it has printed the help or the version. An invalid command line gives a [usageError].
func parse(args []string, c stdio) (command, error) {
	printed := false
	parser, err := newParser(c, func(int) { printed = true })
	if err != nil {
		return nil, err
	}
	args, noCommand := helpArgs(parser.Model.Node, args)
	if noCommand {
		parser.Stdout = c.err
	}
	found, err := parser.Parse(args)
	switch {
	case printed && noCommand:
		return nil, usageError{errNoCommand}
	case printed:
		return nil, nil //nolint:nilnil // to print the help runs no command
	case err != nil:
		return nil, usageError{fmt.Errorf("%w (see keyseatd --help)", err)}
	}
	cmd, ok := found.Selected().Target.Addr().Interface().(command)
	if !ok {
		return nil, fmt.Errorf("%s has no Run", found.Command())
	}
	if _, is := cmd.(selfChecked); !is {
		err = checkFields(cmd)
	}
	if err == nil {
		err = checkArguments(found.Path)
	}
	return cmd, err
}

// newParser returns the parser of the command line. It calls exit after it has printed the help or the
// version.
func newParser(c stdio, exit func(int)) (*kong.Kong, error) {
	file := configFile{}
	return kong.New(
		&commands{},
		kong.Name("keyseatd"),
		kong.Description("keyseatd sells slots of family plans for prepaid keys: it serves the API and manages the database."),
		kong.Writers(c.out, c.err),
		kong.Exit(exit),
		kong.FlagNamer(kebabCase),
		kong.Bind(file, c.env),
		kong.Resolvers(resolver(file.value), resolver(c.env.value)), // the last resolver wins
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.ValueFormatter(flagHelp),
		kong.Vars{"version": version(), "outcomes": joined(tasks.AllOutcomes()), "statuses": joined(keys.Statuses()), "actions": joined(activity.Actions())},
	)
}

// resolver returns a resolver of the flags that have a value.
func resolver(value func(*kong.Flag) (text string, set bool)) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if text, set := value(flag); set {
			return text, nil
		}
		return nil, nil //nolint:nilnil // kong's way to say that there is no value
	})
}

// flagHelp returns the help text of a flag, with its default and its variable.
func flagHelp(v *kong.Value) string {
	var sources []string
	if v.HasDefault && v.Flag != nil {
		sources = append(sources, v.Default)
	}
	if v.Flag != nil && variable(v.Flag) != "" {
		sources = append(sources, "$"+variable(v.Flag))
	}
	if sources == nil {
		return v.Help
	}
	return fmt.Sprintf("%s (%s)", v.Help, strings.Join(sources, "; "))
}

// joined lists values for help and errors.
func joined[S ~string](values []S) string {
	var all []string
	for _, v := range values {
		all = append(all, string(v))
	}
	return strings.Join(all, ", ")
}

// A selfChecked is a command that validates its fields itself.
type selfChecked interface{ selfChecks() }

// errNoCommand is the error after the help, if the command line names no command.
var errNoCommand = errors.New("a command is missing")

// helpArgs converts "help keys" and "keys help" to "keys --help". It also adds --help to arguments that
// end before they name a command, such as "keys". In that case noCommand is true.
func helpArgs(node *kong.Node, args []string) (converted []string, noCommand bool) {
	for i, arg := range args {
		next := slices.IndexFunc(node.Children, func(child *kong.Node) bool { return child.Name == arg })
		switch {
		case len(node.Children) == 0:
			return args, false
		case arg == "help":
			return append(slices.Delete(slices.Clone(args), i, i+1), "--help"), false
		case next < 0:
			return args, false
		}
		node = node.Children[next]
	}
	if len(node.Children) == 0 {
		return args, false
	}
	return append(slices.Clone(args), "--help"), true
}

// examples returns the long help of a command: an explanation and example commands. The examples are
// indented, because kong keeps the line breaks of indented lines.
func examples(about string, lines ...string) string {
	var b strings.Builder
	if about != "" {
		b.WriteString(about + "\n\n")
	}
	b.WriteString("Examples:\n")
	for _, line := range lines {
		b.WriteString("\n    " + line)
	}
	return b.String()
}

// manCmd is the command keyseatd man. The packages for Linux contain its output.
type manCmd struct{}

// Help shows an example.
func (*manCmd) Help() string { return examples("", "keyseatd man > keyseatd.1") }

// Run prints the manual page of all commands, in the language of man(7).
func (*manCmd) Run(_ context.Context, c stdio) error {
	parser, err := newParser(c, func(int) {})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(c.out)
	writeManual(out, parser.Model.Node)
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
