package query

// A Binder collects the arguments of a query that another query builder writes. They become bind parameters.
type Binder struct {
	dialect Dialect
	values  []any
	err     error
}

// NewBinder returns a binder without arguments.
func NewBinder(d Dialect) *Binder { return &Binder{dialect: d} }

// Arg adds an argument and returns its SQL. The types are those of [Args], except for rows.
func (b *Binder) Arg(value any) string {
	if !validText(value) {
		b.err = errInvalidText
	}
	return b.dialect.scalarSQL(value, b.bind(value))
}

// Now returns the SQL of the current time of the [Dialect].
func (b *Binder) Now() string { return b.dialect.nowSQL(b.bind(b.dialect.now())) }

func (b *Binder) bind(value any) bindFunc {
	return func(convert func(any) any) string {
		b.values = append(b.values, convert(value))
		return b.dialect.placeholder(len(b.values))
	}
}

// Values returns the values of all bind parameters. It returns an error if an argument cannot be stored.
func (b *Binder) Values() ([]any, error) { return b.values, b.err }
