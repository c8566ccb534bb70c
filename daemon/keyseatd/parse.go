package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
)

// parse finds the command and fills its fields from the arguments, the environment and the config file. It
// returns nil after it has printed the help or the version. An invalid command line gives a [usageError].
func parse(args []string, c stdio) (command, error) {
	printed := false
	parser, err := newParser(c, func(int) { printed = true }, otherCommands(args)...)
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
		return nil, usageError{errors.New("a command is missing")}
	case printed:
		return nil, nil //nolint:nilnil // to print the help runs no command
	case err != nil:
		return nil, usageError{fmt.Errorf("%w (see keyseatd --help)", err)}
	}
	cmd, ok := found.Selected().Target.Addr().Interface().(command)
	if !ok {
		return nil, fmt.Errorf("%s has no Run", found.Command())
	}
	if _, is := cmd.(*configCmd); !is { // configCmd validates its fields itself, after it has printed them
		err = checkFields(cmd)
	}
	if err == nil {
		err = checkArguments(found.Path)
	}
	return cmd, err
}

// newParser returns the parser of the command line. It leaves out each command whose field matches a pattern in
// skipped. The parser calls exit after it has printed the help or the version.
func newParser(c stdio, exit func(int), skipped ...string) (*kong.Kong, error) {
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
		kong.IgnoreFields(skipped...),
		kong.TypeMapper(reflect.TypeFor[time.Time](), mapper(csvfile.ParseTime)),
		kong.NamedMapper("end", mapper(csvfile.ParseEnd)),
		kong.TypeMapper(reflect.TypeFor[stock.Country](), mapper(csvfile.ParseCountry)),
		kong.PostBuild(setHelp),
		kong.Vars{"version": version(), "outcomes": joined(tasks.AllOutcomes()), "statuses": joined(keys.Statuses()), "actions": joined(activity.Actions())},
	)
}

// mapper returns a mapper for kong, which converts the text of a flag to a value with the function parse.
func mapper[T any](parse func(string) (T, error)) kong.MapperFunc {
	return func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("value", &text); err != nil {
			return err
		}
		value, err := parse(text)
		target.Set(reflect.ValueOf(value))
		return err
	}
}

// otherCommands returns a pattern for kong to ignore fields of [commands]. The pattern matches every command that args
// does not name. The result is empty if args does not start with a command, or if that command needs the names of all
// commands. Without the pattern, kong would take a quarter of the processor time of a short command, because its work
// grows with the number of commands and flags.
func otherCommands(args []string) (patterns []string) {
	var others []string
	found := false
	for _, field := range reflect.VisibleFields(reflect.TypeFor[commands]()) {
		if _, isCommand := field.Tag.Lookup("cmd"); !isCommand {
			continue
		}
		if len(args) > 0 && "--"+args[0] == flagName(field) {
			_, needsAll := field.Type.FieldByName("commandTree")
			found = !needsAll
		} else {
			others = append(others, field.Name)
		}
	}
	if !found {
		return nil
	}
	return []string{`^commands\.(` + strings.Join(others, "|") + ")$"}
}

// helpFile has the long help of the commands. The section of a command begins with # and the name of the command. A section
// has paragraphs of text, and indented examples.
//
//go:embed help.txt
var helpFile string

// setHelp sets the long help of each command. In a paragraph of text, line breaks become spaces. The examples stay
// indented, because kong keeps the line breaks of indented lines.
func setHelp(k *kong.Kong) error {
	values := strings.NewReplacer("KEY-COLUMNS", strings.Join(csvfile.KeyColumns(), ", "),
		"PLAN-COLUMNS", strings.Join(csvfile.PlanColumns(), ", "), "PLAN-ROWS", strconv.Itoa(csvfile.MaxPlanEdits))
	for _, leaf := range k.Model.Leaves(false) {
		name := strings.TrimPrefix(leaf.Path(), k.Model.Name+" ")
		_, section, found := strings.Cut(helpFile, "# "+name+"\n")
		if !found {
			return fmt.Errorf("help.txt has no section %q", name)
		}
		section, _, _ = strings.Cut(section, "\n\n# ")
		paragraphs := strings.Split(strings.TrimSuffix(section, "\n"), "\n\n")
		last := len(paragraphs) - 1
		for i, text := range paragraphs[:last] {
			paragraphs[i] = strings.ReplaceAll(text, "\n", " ")
		}
		paragraphs[last] = "Examples:\n\n" + paragraphs[last]
		leaf.Detail = values.Replace(strings.Join(paragraphs, "\n\n"))
	}
	return nil
}

func resolver(value func(*kong.Flag) (text string, set bool)) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if text, set := value(flag); set {
			return text, nil
		}
		return nil, nil //nolint:nilnil // kong's way to say that there is no value
	})
}

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

// BeforeResolve checks the environment variables. Then it reads the config file that --config or KEYSEAT_CONFIG names.
func (*commands) BeforeResolve(c *kong.Context, f configFile, env environment) error {
	if err := env.checkVariables(c.Flags()); err != nil {
		return err
	}
	path := env["KEYSEAT_CONFIG"]
	for _, p := range c.Path {
		if p.Flag != nil && p.Flag.Name == "config" {
			path, _ = c.FlagValue(p.Flag).(string)
		}
	}
	if path == "" {
		return nil
	}
	err := f.read(path)
	if err == nil {
		err = f.checkNames()
	}
	if err != nil {
		return fmt.Errorf("--config: %s: %w", path, err)
	}
	return nil
}

// commands are all commands and global flags.
type commands struct {
	Serve      serveCmd      `cmd:"" help:"Serve the API and carry out its tasks."`
	Demo       demoCmd       `cmd:"" help:"Try everything in one process, with nothing to set up."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database's schema up to date."`
	MasterKey  masterKeyCmd  `cmd:"" help:"Manage the file of master keys."`
	AdminToken adminTokenCmd `cmd:"" help:"Manage the file of the admin API's tokens."`
	Keys       keysCmd       `cmd:"" help:"Generate, import, export and manage keys."`
	Plans      plansCmd      `cmd:"" help:"Import, list, retire and release plans."`
	Tasks      tasksCmd      `cmd:"" help:"List, retry and resolve tasks."`
	Activity   activityCmd   `cmd:"" help:"List the actions of operators: who did what, when and from where."`
	Find       findCmd       `cmd:"" help:"Find keys, orders, usernames, tasks and plans by a text."`
	Stock      stockCmd      `cmd:"" help:"Show the slots of each country."`
	Webhooks   webhooksCmd   `cmd:"" help:"List, replay and test webhooks."`
	Connector  connectorCmd  `cmd:"" help:"Test the service that carries out tasks."`
	Completion completionCmd `cmd:"" help:"Print the completion script of a shell."`
	Complete   completeCmd   `cmd:"" hidden:"" passthrough:"" help:"Complete a command line."`
	Man        manCmd        `cmd:"" hidden:"" help:"Print the manual page."`
	Check      checkCmd      `cmd:"" help:"Check whether a daemon would serve a request now."`
	Doctor     doctorCmd     `cmd:"" help:"Find and repair inconsistencies in the database."`
	Archive    archiveCmd    `cmd:"" help:"Move finished tasks and history out of the database, into CSV files."`
	Backup     backupCmd     `cmd:"" help:"Copy an SQLite database to a file, while daemons serve."`
	Restore    restoreCmd    `cmd:"" help:"Replace an SQLite database with a backup."`
	Settings   configCmd     `cmd:"" name:"config" help:"Show the settings of serve and the source of each."`
	Build      versionCmd    `cmd:"" name:"version" help:"Show the version, the sources and the toolchain of this program."`

	Config  string           `placeholder:"FILE" help:"JSON file of the flags of serve: {\"workers\": 32}. Flags and variables override it."`
	Version kong.VersionFlag `short:"v" help:"Show the version."`
}

// A command does its work in Run. A signal cancels the context.
type command interface {
	Run(ctx context.Context, c stdio) error
}
