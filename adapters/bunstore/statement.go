package bunstore

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// args are the named arguments of a statement: the text "@n" is replaced by args["n"]. The replacement
// depends on the type of the argument:
//
//	int, string, time.Duration   a bind parameter
//	batch                        a common table expression with that name; it belongs after WITH
//	texts                        an array, for "= ANY (@codes)"
//	time.Time                    a bind parameter; distributed stores only
//	inline                       a table in FROM; distributed stores only
//
// Values of other types must be columns of a batch. A given text must always have arguments of the same
// types, because its compiled form is cached.
//
// The text "@now" needs no argument. It is the current time of the store's clock: on Postgres the clock of
// the server, on SQLite the clock of this process. A distributed store may fix "@now" to a time that the
// server has returned, see [session.timed].
//
// For example, this statement marks two keys as used:
//
//	WITH @want UPDATE keyseat_keys SET used = true WHERE code IN (SELECT code FROM want)
//	args{"want": batch{columns: "code text", rows: [][]any{{"A"}, {"B"}}}}
type args map[string]any

// A batch is a small table whose rows are bind parameters. The text of a statement does not depend on
// the number of rows. There are two exceptions: batches of no row and of one row compile to shorter texts.
type batch struct {
	columns columns // the compiled table has one more, "place": the order of the rows
	rows    [][]any
}

// add appends a row.
func (b *batch) add(values ...any) { b.rows = append(b.rows, values) }

// texts is an array of texts.
type texts []string

// texts returns the i-th column, counted from 0.
func (b batch) texts(i int) texts { return column[string](b.rows, i) }

// An inline is a batch that becomes a table in FROM. Distributed stores need it, because a statement on
// many servers cannot have WITH.
type inline struct{ batch }

// A dialect holds the differences between the databases. The statements of this package are written for
// Postgres, and a dialect changes their text where its database needs that.
type dialect interface {
	// embedded reports whether the database is an SQLite file.
	embedded() bool
	// sharded reports whether rows may be on several servers, so that no single server can lock them all.
	// See [distributed].
	sharded() bool
	// pooled reports whether a connection keeps no state from one transaction to the next. See
	// [PoolerTransaction].
	pooled() bool
	// transactional returns the same dialect as a pooled one.
	transactional() dialect
	// kind is a part of the cache key of compiled statements. Dialects that compile a statement to different
	// texts have different kinds.
	kind() string
	// adapt removes parts of a statement that the database does not need, such as row locks. It also replaces
	// "@oldest" by a table p of the oldest [claimable] plans of wanted.country. The table has up to wanted.n
	// plans; on SQLite it has up to @most plans.
	adapt(sql string) string
	// now returns the value of "@now" if the process provides it, as the argument of clock.
	now() time.Time
	// clock returns the SQL of "@now".
	clock(param) string
	// scalar returns the SQL of a single value.
	scalar(value any, pass param) string
	// rows returns the SQL for FROM that yields the columns of a batch and then the order of its rows.
	rows(columns columns, pass param) string
	// row returns the same for a batch of one row.
	row(columns columns, pass param) string
	// none returns the same for a batch without rows.
	none(columns columns) string
	// hot returns options of the driver for a frequent statement. They come before its arguments.
	hot() []any
	// placeholder returns the SQL of the n-th argument, counted from 1.
	placeholder(n int) string
}

// A param adds a bind parameter to a statement and returns its placeholder. The function of converts the
// named argument to the value of the parameter.
type param func(of func(value any) any) string

// compile returns the text of a statement for a database, and the values of its bind parameters. It returns
// errText if a text among the arguments cannot be stored.
func compile(d dialect, sql string, named args) (string, []any, error) {
	for _, value := range named {
		if !storable(value) {
			return "", nil, errText
		}
	}
	f := formOf(d, sql, named)
	values := make([]any, len(f.params))
	for i, p := range f.params {
		if p.name == "now" {
			values[i] = p.of(d.now())
		} else {
			values[i] = p.of(named[p.name])
		}
	}
	return f.text, values, nil
}

// A form is a compiled statement: the text for the database, and the origin of each bind parameter. The map
// done holds the replacement of each name so far.
type form struct {
	dialect
	text   string
	params []formParam
	done   map[string]string
}

type formParam struct {
	name string
	of   func(value any) any
}

// A formName is the key of a form in the cache. It also lists the batches of no row (none) and of one row
// (one), because they compile to shorter SQL.
type formName struct{ kind, sql, none, one string }

func nameOf(d dialect, sql string, named args) formName {
	return formName{d.kind(), sql, sized(named, 0), sized(named, 1)}
}

// sized returns the sorted names of the batches that have exactly that number of rows.
func sized(named args, rows int) string {
	var names []string
	for name, value := range named {
		if b, isBatch := value.(batch); isBatch && len(b.rows) == rows {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// forms is the cache of compiled statements, because compiling one takes longer than binding its arguments.
// It stays small, because each text of this package has few forms.
var forms sync.Map // *form by formName

func formOf(d dialect, sql string, named args) *form {
	name := nameOf(d, sql, named)
	if f, found := forms.Load(name); found {
		return f.(*form)
	}
	f := &form{dialect: d, done: map[string]string{}}
	f.text = tokens.ReplaceAllStringFunc(d.adapt(sql), func(token string) string { return f.replace(token[1:], named) })
	forms.Store(name, f)
	return f
}

var tokens = regexp.MustCompile(`@\w+`)

func (f *form) replace(name string, named args) string {
	if _, found := f.done[name]; !found {
		f.done[name] = f.write(name, named[name])
	}
	return f.done[name]
}

func (f *form) write(name string, value any) string {
	pass := func(of func(any) any) string {
		f.params = append(f.params, formParam{name, of})
		return f.placeholder(len(f.params))
	}
	if name == "now" {
		return f.clock(pass)
	}
	if b, isBatch := value.(batch); isBatch {
		return name + " (" + b.columns.list("%") + ", place) AS (SELECT * FROM " + f.from(b, pass) + ")"
	}
	if i, isInline := value.(inline); isInline {
		return f.rows(i.columns, func(of func(any) any) string {
			return pass(func(value any) any { return of(value.(inline).batch) })
		}) + " AS " + name + " (" + i.columns.list("%") + ", place)"
	}
	return f.scalar(value, pass)
}

func (f *form) from(b batch, pass param) string {
	switch len(b.rows) {
	case 0:
		return f.none(b.columns)
	case 1:
		return f.row(b.columns, pass)
	}
	return f.rows(b.columns, pass)
}

// storable reports whether the database stores the texts of a value unchanged. It returns false for texts
// that are not UTF-8 or contain a NUL. If the database changed them, two keys could become one.
func storable(value any) bool {
	switch value := value.(type) {
	case string:
		return utf8.ValidString(value) && strings.IndexByte(value, 0) < 0
	case inline:
		return storable(value.batch)
	case texts:
		return !slices.ContainsFunc(value, func(s string) bool { return !storable(s) })
	case batch:
		for _, row := range value.rows {
			for _, v := range row {
				if s, isText := v.(string); isText && !storable(s) {
					return false
				}
			}
		}
	}
	return true
}

const errText = plainError("a text is not UTF-8, or has a NUL")
