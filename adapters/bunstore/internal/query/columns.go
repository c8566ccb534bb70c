package query

import "strings"

// Columns lists names and types of columns: "code text, version bigint".
type Columns string

// Each calls do with the name and the type of every column.
func (c Columns) Each(do func(name, kind string)) {
	for column := range strings.SplitSeq(string(c), ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(column), " ")
		do(name, kind)
	}
}

// List returns the names, each in the given format: "k.%" gives "k.code, k.version".
func (c Columns) List(format string) string {
	var names []string
	c.Each(func(name, _ string) { names = append(names, strings.ReplaceAll(format, "%", name)) })
	return strings.Join(names, ", ")
}
