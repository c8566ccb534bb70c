package bunstore

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// args are what the text of a statement names: "@n" is args["n"]. An int, int64, string, time.Time or
// time.Duration becomes a parameter; a [batch] becomes a common table expression of that name, to
// stand after WITH. "@now" is the time that decides.
type args map[string]any

// A batch is a small table that travels as parameters, so that the text of a statement does not
// depend on how many rows it is about.
type batch struct {
	columns columns // and after them "place", the rows' order
	rows    [][]any
}

// add appends a row.
func (b *batch) add(values ...any) { b.rows = append(b.rows, values) }

// A dialect is where the two databases differ. Statements are written as Postgres likes them.
type dialect interface {
	embedded() bool
	// adapt drops from a statement's text what the database has no need of.
	adapt(sql string) string
	// clock is the SQL of the time that decides; param passes an argument and gives its place.
	clock(param func(any) string) string
	// scalar is the SQL of one value.
	scalar(value any, param func(any) string) string
	// table is a SELECT that yields a batch and the order of its rows.
	table(b batch, param func(any) string) string
	// oldest is a table p of the oldest plans of wanted.country that fit: @most of them, or wanted.n.
	oldest(fit string) string
	// options are what the driver wants before the arguments.
	options() []any
	// placeholder is the SQL of the n-th argument, from 1.
	placeholder(n int) string
}

var tokens = regexp.MustCompile(`@\w+`)

// compile writes a statement for a database.
func compile(d dialect, sql string, named args) (string, []any, error) {
	c := compiler{dialect: d, named: named, done: map[string]string{}}
	sql = tokens.ReplaceAllStringFunc(d.adapt(sql), c.replace)
	return sql, append(d.options(), c.args...), c.err
}

type compiler struct {
	dialect
	named args
	done  map[string]string
	args  []any
	err   error
}

func (c *compiler) replace(token string) string {
	if _, found := c.done[token]; !found {
		c.done[token] = c.write(token[1:])
	}
	return c.done[token]
}

func (c *compiler) write(name string) string {
	if name == "now" {
		return c.clock(c.param)
	}
	b, isBatch := c.named[name].(batch)
	if !isBatch {
		c.check(c.named[name])
		return c.scalar(c.named[name], c.param)
	}
	for _, row := range b.rows {
		c.check(row...)
	}
	return name + " (" + b.columns.list("%") + ", place) AS (" + c.table(b, c.param) + ")"
}

func (c *compiler) param(value any) string {
	c.args = append(c.args, value)
	return c.placeholder(len(c.args))
}

// check refuses texts that a database would store as another: two keys could become one.
func (c *compiler) check(values ...any) {
	for _, v := range values {
		if s, isText := v.(string); isText && (!utf8.ValidString(s) || strings.ContainsRune(s, 0)) {
			c.err = errText
		}
	}
}

const errText = plainError("a text is not UTF-8, or has a NUL")
