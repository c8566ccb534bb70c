package main

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/keyseat/keyseat/daemon/csvfile"
)

// checker knows the rules in the commands' validate tags, and calls a field what its flag is called.
var checker = newChecker()

func newChecker() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(label)
	for rule, holds := range map[string]validator.Func{"database": isDatabase, "listen": isListen, "text": isText} {
		if err := v.RegisterValidation(rule, holds); err != nil {
			panic(err) // because only a program's fault brings it about
		}
	}
	return v
}

// isListen is the rule "listen" of a validate tag: an address to listen on, port 0 for any free one.
func isListen(f validator.FieldLevel) bool {
	_, port, err := net.SplitHostPort(f.Field().String())
	_, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil
}

// label is what a field is called on the command line.
func label(f reflect.StructField) string {
	name := f.Tag.Get("name")
	if name == "" {
		name = flagName(f.Name)
	}
	if _, positional := f.Tag.Lookup("arg"); positional {
		return strings.ToUpper(name)
	}
	return "--" + name
}

// check holds a command's fields to their validate tags. The error is a [usageError] that names the
// first flag at fault and what it must be, never its value, which may be secret.
func check(fields any) error {
	err := checker.Struct(fields)
	var faults validator.ValidationErrors
	if !errors.As(err, &faults) {
		return err
	}
	fault := faults[0]
	return usageError{fmt.Errorf("%s %s%s", fault.Field(), must(fault.Tag(), fault.Param()), missing[fault.Field()])}
}

// missing says what to give where a required flag is missing.
var missing = map[string]string{
	"--connector": ": give the https:// URL of the service that carries tasks out, or sim for a trial",
}

// isText is the rule "text" of a validate tag: what a cell of a file can hold.
func isText(f validator.FieldLevel) bool { return csvfile.CheckText(f.Field().String()) == nil }

// must says what a rule asks for.
func must(rule, param string) string {
	switch rule {
	case "required", "required_if", "required_unless":
		return "is missing"
	case "required_with":
		return "is needed with --" + flagName(param)
	case "required_without":
		return "is needed without --" + flagName(param)
	case "min", "gte":
		return "must be at least " + param
	case "max", "lte":
		return "must be at most " + param
	case "gt":
		return "must be more than " + param
	case "oneof":
		return "must be one of " + strings.ReplaceAll(param, " ", ", ")
	case "listen":
		return "must be HOST:PORT"
	case "ip|cidr", "cidr|ip":
		return "must be an address or a network, such as 10.0.0.0/8"
	case "url", "uri", "http_url":
		return "must be a URL"
	case "printascii":
		return "must be printable ASCII characters"
	case "text":
		return fmt.Sprintf("must be UTF-8 with no control characters, at most %d bytes", csvfile.MaxText)
	case "database":
		return "must be sqlite:PATH or a postgres:// URL"
	}
	return "is not valid (" + rule + ")"
}
