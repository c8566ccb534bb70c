package bunstore

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// args are what the text of a statement names: "@n" is args["n"]. An int, string or time.Duration
// becomes a parameter, anything else goes as the column of a batch; a [batch] becomes a common table expression of that name, to
// stand after WITH. "@now" is the time that decides. The same text names values of the same kinds
// whenever it is run. [texts] become an array, to stand in "= ANY (@codes)". In the distributed form there are
// also times, and [inline] batches.
type args map[string]any

// A batch is a small table that travels as parameters, so that the text of a statement does not
// depend on how many rows it is about.
type batch struct {
	columns columns // and after them "place", the rows' order
	rows    [][]any
}

// add appends a row.
func (b *batch) add(values ...any) { b.rows = append(b.rows, values) }

// texts are an array.
type texts []string

// texts is the i-th column.
func (b batch) texts(i int) texts { return column[string](b.rows, i) }

// An inline batch is one that stands in FROM, because a statement on many servers has no WITH.
type inline struct{ batch }

// A dialect is where the databases differ. Statements are written as Postgres likes them.
type dialect interface {
	embedded() bool
	// sharded says whether rows may lie on several servers, of which none locks for all: see [distributed].
	sharded() bool
	// pooled says whether a connection keeps nothing from one transaction to the next: see [PoolerTransaction].
	pooled() bool
	// transactional is the same dialect, pooled.
	transactional() dialect
	// kind tells the dialects apart for which the same statement becomes another text.
	kind() string
	// adapt drops from a statement's text what the database has no need of, and writes "@oldest": a
	// table p of the oldest [claimable] plans of wanted.country, @most of them or wanted.n.
	adapt(sql string) string
	// now is the time that decides, where the process gives it.
	now() time.Time
	// clock is the SQL of the time that decides.
	clock(param) string
	// scalar is the SQL of one value.
	scalar(value any, pass param) string
	// rows is what stands in FROM for a batch of such columns and the order of its rows.
	rows(columns columns, pass param) string
	// row is the same of a batch that has one row.
	row(columns columns, pass param) string
	// none is the same of a batch that has no row.
	none(columns columns) string
	// hot are what the driver wants before the arguments of a statement that runs all the time.
	hot() []any
	// placeholder is the SQL of the n-th argument, from 1.
	placeholder(n int) string
}

// A param passes an argument and gives its place; of makes it from the value that the text names.
type param func(of func(value any) any) string

// compile writes a statement for a database, and gives its arguments.
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

// A form is a statement as a database is sent it each time, and where its arguments come from.
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

// A formName has the names of the small batches too, because those are written shorter.
type formName struct{ kind, sql, none, one string }

func nameOf(d dialect, sql string, named args) formName {
	return formName{d.kind(), sql, sized(named, 0), sized(named, 1)}
}

// sized names the batches of so many rows.
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

// forms are kept, because to write one takes longer than to bind its arguments. There are few
// for each text in this package.
var forms sync.Map // of *form by formName

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

// storable refuses texts that a database would store as another: two keys could become one.
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
