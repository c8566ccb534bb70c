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

// checker validates the validate tags of the commands' fields. Its errors call a field by the name of its
// flag.
var checker = newChecker()

func newChecker() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(label)
	for rule, holds := range map[string]validator.Func{"database": isDatabase, "listen": isListen, "text": isText} {
		if err := v.RegisterValidation(rule, holds); err != nil {
			panic(err) // only a programming error causes it
		}
	}
	return v
}

// isListen implements the validate rule "listen": HOST:PORT, where port 0 selects a free port.
func isListen(f validator.FieldLevel) bool {
	_, port, err := net.SplitHostPort(f.Field().String())
	_, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil
}

// label returns the name of a field on the command line: --flag, or ARGUMENT if it is positional.
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

// check validates a command's fields against their validate tags. The error is a [usageError]. It names
// the first invalid flag and its rule, but never the value, because the value may be secret.
func check(fields any) error {
	err := checker.Struct(fields)
	var faults validator.ValidationErrors
	if !errors.As(err, &faults) {
		return err
	}
	fault := faults[0]
	return usageError{fmt.Errorf("%s %s%s", fault.Field(), must(fault.Tag(), fault.Param()), missing[fault.Field()])}
}

// missing has a hint for required flags: the values that a user can give.
var missing = map[string]string{
	"--connector": ": give the https:// URL of the service that carries tasks out, or sim for a trial",
}

// isText implements the validate rule "text": a text that fits into a cell of a CSV file.
func isText(f validator.FieldLevel) bool { return csvfile.CheckText(f.Field().String()) == nil }

// must returns the end of an error message for a validate rule, such as "must be at least 3".
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
