package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/keyseat/keyseat/tasks"
)

// parse finds the command and fills its fields from the arguments, the environment and the config file. It
// returns nil after it has printed the help or the version. An invalid command line gives a [usageError].
func parse(args []string, c stdio) (command, error) {
	shown := false
	parser, err := newParser(c, func(int) { shown = true })
	if err != nil {
		return nil, err
	}
	args, bare := helpArgs(parser.Model.Node, args)
	if bare {
		parser.Stdout = c.err
	}
	found, err := parser.Parse(args)
	switch {
	case shown && bare:
		return nil, usageError{errNoCommand}
	case shown:
		return nil, nil //nolint:nilnil // the help is no command and no fault
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
	file := &configFile{}
	return kong.New(
		&commands{},
		kong.Name("keyseatd"),
		kong.Description("keyseatd sells slots of family plans against prepaid keys: it serves the API and steers its store."),
		kong.Writers(c.out, c.err),
		kong.Exit(exit),
		kong.FlagNamer(kebabCase),
		kong.Bind(file, c.env),
		kong.Resolvers(file, c.env), // the last resolver wins
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.ValueFormatter(flagHelp),
		kong.Vars{"version": version(), "outcomes": outcomes()},
	)
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

// version returns the program's name and the module's version, as the toolchain recorded it.
func version() string { return "keyseatd " + newBuild().Version }

// outcomes lists the possible outcomes of a resolved task.
func outcomes() string {
	var all []string
	seen := map[tasks.Outcome]bool{}
	for _, kind := range tasks.Kinds() {
		for _, o := range tasks.Outcomes(kind) {
			if !seen[o] {
				all = append(all, string(o))
			}
			seen[o] = true
		}
	}
	return strings.Join(all, ", ")
}

// A selfChecked is a command that validates its fields itself.
type selfChecked interface{ late() }
