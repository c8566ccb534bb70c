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

// fieldRules validates the validate tags of the commands' fields. Its errors call a field by the name of its
// flag.
var fieldRules = newFieldRules()

func newFieldRules() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(flagName)
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

// flagName returns the name of a field on the command line: --flag, or ARGUMENT if it is positional.
func flagName(f reflect.StructField) string {
	name := f.Tag.Get("name")
	if name == "" {
		name = kebabCase(f.Name)
	}
	if _, positional := f.Tag.Lookup("arg"); positional {
		return strings.ToUpper(name)
	}
	return "--" + name
}

// checkFields validates a command's fields against their validate tags. The error is a [usageError]. It names
// the first invalid flag and its rule, but never the value, because the value may be secret.
func checkFields(fields any) error {
	err := fieldRules.Struct(fields)
	var faults validator.ValidationErrors
	if !errors.As(err, &faults) {
		return err
	}
	fault := faults[0]
	return usageError{fmt.Errorf("%s %s%s", fault.Field(), describeRule(fault.Tag(), fault.Param()), missingHints[fault.Field()])}
}

// missingHints has a hint for required flags: the values that a user can give.
var missingHints = map[string]string{
	"--connector": ": give the https:// URL of the service that carries tasks out, or sim for a trial",
}

// isText implements the validate rule "text": a text that fits into a cell of a CSV file.
func isText(f validator.FieldLevel) bool { return csvfile.CheckText(f.Field().String()) == nil }

// describeRule returns the end of an error message for a validate rule, such as "must be at least 3".
func describeRule(rule, param string) string {
	switch rule {
	case "required", "required_if", "required_unless":
		return "is missing"
	case "required_with":
		return "is needed with --" + kebabCase(param)
	case "required_without":
		return "is needed without --" + kebabCase(param)
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
