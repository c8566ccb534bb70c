package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/internal/seq"
)

// configCmd is the command keyseatd config. It accepts the flags of serve and prints their values.
type configCmd struct {
	serveCmd
	outputFlag

	settings []setting
}

// Run prints the settings. Then it fails with the error that serve would return before it opens a
// database.
func (k *configCmd) Run(_ context.Context, c stdio) error {
	if err := terminal.PrintList(c.out, k.Output, settingTable, seq.All(k.settings)); err != nil {
		return err
	}
	if err := checkFields(k); err != nil {
		return err
	}
	_, err := k.prepare(slog.New(slog.DiscardHandler))
	return err
}

// selfChecks implements [selfChecked], because the command prints the settings even if one is invalid.
func (*configCmd) selfChecks() {}

var settingTable = terminal.Layout[setting]{
	Header: "NAME VALUE SOURCE",
	Cells:  func(s setting) []string { return []string{s.Name, s.Value, s.Source} },
}

// A setting is a flag with its current value and source. Secret parts of the value are hidden.
type setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // flag, environment, file or default
}

// AfterApply collects the settings. It runs while kong still knows the source of each value.
func (k *configCmd) AfterApply(c *kong.Context, f configFile, env environment) error { //nolint:unparam // kong calls only a method that returns an error
	for _, flag := range slices.Concat(c.Model.Flags, c.Selected().Flags) {
		if variable(flag) != "" {
			k.settings = append(k.settings, setting{flag.Name, displayValue(flag), source(c, flag, f, env)})
		}
	}
	return nil
}

// source returns the source of a flag's value.
func source(c *kong.Context, flag *kong.Flag, f configFile, env environment) string {
	for _, p := range c.Path {
		if p.Flag == flag && !p.Resolved {
			return "flag"
		}
	}
	if _, set := env.value(flag); set {
		return "environment"
	}
	if _, set := f.value(flag); set {
		return "file"
	}
	return "default"
}

// displayValue returns a flag's value without secrets.
func displayValue(flag *kong.Flag) string {
	switch value := flag.Target.Interface().(type) {
	case string:
		return redactURL(value)
	case textList:
		return redactURL(strings.Join(value, ","))
	default:
		return fmt.Sprint(value)
	}
}
