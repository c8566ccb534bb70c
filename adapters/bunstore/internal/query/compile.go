package query

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
)

// Compile returns the text of a query for a database, and the values of its bind parameters. It returns an error
// if a text among the arguments cannot be stored.
func Compile(d Dialect, q Query) (string, []any, error) {
	for _, value := range q.Args {
		if !ValidText(value) {
			return "", nil, ErrInvalidText
		}
	}
	c := compiledFor(d, q)
	values := make([]any, len(c.params))
	for i, p := range c.params {
		if p.name == "now" {
			values[i] = p.convert(d.now())
		} else {
			values[i] = p.convert(q.Args[p.name])
		}
	}
	return c.text, values, nil
}

// A compiled statement has the text for the database and the origin of each bind parameter.
type compiled struct {
	text   string
	params []bindParam
}

type bindParam struct {
	name    string // the name of the argument
	convert func(arg any) any
}

// cache holds the compiled statements, because compiling one takes longer than binding its arguments. It stays small,
// because bunstore has few texts, and each text compiles to few statements.
var cache sync.Map // *compiled by cacheKey

// A cacheKey identifies a compiled statement. The field none has the names of the [Rows] without a row, and the field
// one has the names of the Rows with one row, because these compile to shorter SQL.
type cacheKey struct{ dialect, sql, none, one string }

// rowSetsOfSize returns the sorted names of the [Rows] that have exactly n rows.
func rowSetsOfSize(args Args, n int) string {
	var names []string
	for name, value := range args {
		if r, isRows := value.(Rows); isRows && len(r.Values) == n {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

var argument = regexp.MustCompile(`@\w+`)

func compiledFor(d Dialect, q Query) *compiled {
	if q.Rare {
		return compile(d, q)
	}
	key := cacheKey{d.name(), q.SQL, rowSetsOfSize(q.Args, 0), rowSetsOfSize(q.Args, 1)}
	if c, found := cache.Load(key); found {
		return c.(*compiled)
	}
	c := compile(d, q)
	cache.Store(key, c)
	return c
}

func compile(d Dialect, q Query) *compiled {
	c := &compiler{Dialect: d}
	replaced := map[string]string{}
	c.text = argument.ReplaceAllStringFunc(d.statement(q), func(name string) string {
		if _, again := replaced[name]; !again {
			replaced[name] = c.replacement(name[1:], q.Args[name[1:]])
		}
		return replaced[name]
	})
	return &c.compiled
}

type compiler struct {
	Dialect
	compiled
}

// replacement returns the SQL for "@name", and adds the bind parameters of that SQL.
func (c *compiler) replacement(name string, value any) string {
	bind := func(convert func(any) any) string {
		c.params = append(c.params, bindParam{name, convert})
		return c.placeholder(len(c.params))
	}
	if name == "now" {
		return c.nowSQL(bind)
	}
	switch value := value.(type) {
	case Rows:
		return name + " (" + value.Columns.List("%") + ", place) AS (SELECT * FROM " + c.rowsSQL(value.Columns, len(value.Values), bind) + ")"
	case InlineRows:
		table := c.rowsSQL(value.Columns, anyNumber, func(convert func(any) any) string {
			return bind(func(arg any) any { return convert(Rows(arg.(InlineRows))) })
		})
		return table + " AS " + name + " (" + value.Columns.List("%") + ", place)"
	}
	return c.scalarSQL(value, bind)
}

// ErrInvalidText means that an argument of a statement contains a text that no database can store.
const ErrInvalidText = dberr.Public("a text is not UTF-8, or has a NUL")

// ValidText reports whether the database stores the texts of an argument unchanged. It returns false for texts that are
// not UTF-8 or contain a NUL. If a database changed such texts when it stores them, two codes could become equal.
func ValidText(value any) bool {
	switch value := value.(type) {
	case string:
		return utf8.ValidString(value) && strings.IndexByte(value, 0) < 0
	case InlineRows:
		return ValidText(Rows(value))
	case TextArray:
		return !slices.ContainsFunc(value, func(s string) bool { return !ValidText(s) })
	case Rows:
		for _, row := range value.Values {
			for _, v := range row {
				if s, isText := v.(string); isText && !ValidText(s) {
					return false
				}
			}
		}
	}
	return true
}
