package dberr

import (
	"errors"
	"io/fs"
	"strings"
)

// A description holds the facts about an error that an operator needs.
type description struct {
	what   string // what happened
	code   string // the database's name for the error, or ""
	advice string // what the operator can do, or ""
	placed bool   // true if the text of what names the file or server
	cause  error  // see [wrapped]
}

// publicText returns one line: first what happened, then where, then what the operator can do.
func (d description) publicText(where string) string {
	text := d.what
	if d.code != "" {
		where += ", " + d.code
	}
	if !d.placed {
		text += " (" + where + ")"
	}
	if d.advice != "" {
		text += "; " + d.advice
	}
	return strings.Join(strings.Fields(text), " ")
}

// describePath returns a description with the file and the reason that the operating system gives.
func describePath(err *fs.PathError) description {
	d := description{what: "cannot " + err.Op + " " + err.Path + ": " + reason(err), placed: true}
	if errors.Is(err, fs.ErrPermission) {
		d.advice = "the user that runs keyseatd must own it, or be allowed to read and write it and its folder"
	}
	return d
}
