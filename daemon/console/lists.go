package console

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// The limits of lists: the lines of a page, the rows of one read of an export, and all rows of an export.
const (
	pageSize   = 50
	exportPage = 5000
	maxExport  = 50_000
)

// A selection is the list of all rows that the query of a request selects.
type selection[T any] struct {
	listing
	order    adminstore.Order
	read     func(adminstore.Page) (adminstore.ListOf[T], error)
	position func(T) adminstore.Position
}

// page reads the page of the list that the cursor of the request selects, and sets the links to its neighbors. An
// invalid cursor selects the first page.
func (s *selection[T]) page(r *request) ([]T, error) {
	if s.err != nil {
		return nil, s.err
	}
	query, p := r.req.URL.Query(), adminstore.Page{Order: s.order, Limit: pageSize}
	if text, err := view.OpenCode(r.Engine.Sealer, query.Get("after")+query.Get("before")); err == nil {
		at, id, _ := strings.Cut(string(text), "~")
		p.Back, p.After.ID = query.Get("before") != "", id
		p.After.At, _ = time.Parse(time.RFC3339Nano, at) // the console sealed this text: a valid time, or "" for the zero time
	}
	list, err := s.read(p)
	if err != nil {
		return nil, err
	}
	next, previous := list.Neighbors(p, s.position)
	if s.Next, err = s.link(r, "after", next); err == nil {
		s.Previous, err = s.link(r, "before", previous)
	}
	return list.Entries, err
}

// all reads the whole list. If the list has more than [maxExport] rows, the error is a [pageError],
// which the console shows to the operator.
func (s *selection[T]) all() (all []T, _ error) {
	if s.err != nil {
		return nil, s.err
	}
	for v, err := range adminstore.Each(adminstore.Page{Order: s.order, Limit: exportPage}, s.read) {
		if err != nil {
			return nil, err
		}
		if len(all) == maxExport {
			return nil, pageError{http.StatusUnprocessableEntity, "The list is too long", "An export has up to 50 000 lines. Set a filter that selects fewer."}
		}
		all = append(all, v)
	}
	return all, nil
}

// A listing is everything on the page of a list except the rows: the filters, and the links to the neighboring pages.
type listing struct {
	Path     string // of the page with the list
	Fields   []filterField
	Filtered bool   // a filter is set
	Query    string // the filters as a query, for the export
	Clear    string // URL of the list without filters
	First    bool   // the page is the first one
	Previous string // URL, "" if there is no such page
	Next     string

	err error // the [pageError] for the first filter that is not valid
}

// A filterField is a field of the form with the filters. A field without options takes any text.
type filterField struct {
	Name, Label, Value string
	Options            []option
	Hint               string
}

type option struct{ Value, Label string }

// The filters of several lists.
var (
	countryField = filterField{Name: "country", Label: "Country", Hint: "US"}
	planField    = filterField{Name: "plan", Label: "Plan"}
	sinceField   = filterField{Name: "since", Label: "Since", Hint: "2026-11-29"}
	untilField   = filterField{Name: "until", Label: "Until", Hint: "2026-11-30"}
)

// newListing returns the listing of the page at path. It reads the values of the fields from the query. It also reads
// the parameters whose names are in kept, which are not filters. The links to other pages contain all these values. The
// link Clear contains only the parameters in kept.
func (r *request) newListing(path string, kept []string, fields ...filterField) (l listing) {
	query, all, tab := r.req.URL.Query(), url.Values{}, url.Values{}
	l.Path, l.First = path, query.Get("after") == "" && query.Get("before") == ""
	for i, f := range fields {
		fields[i].Value = keys.Trim(query.Get(f.Name))
		if fields[i].Value != "" {
			l.Filtered = true
			all.Set(f.Name, fields[i].Value)
		}
	}
	for _, name := range kept {
		if value := query.Get(name); value != "" {
			all.Set(name, value)
			tab.Set(name, value)
			fields = append(fields, filterField{Name: name, Value: value})
		}
	}
	l.Fields, l.Query, l.Clear = fields, all.Encode(), strings.TrimSuffix(path+"?"+tab.Encode(), "?")
	return l
}

// link returns the URL of the page at a position. The position is sealed, because it can contain a code.
func (l *listing) link(r *request, name string, p adminstore.Position) (string, error) {
	if p.IsZero() {
		return "", nil
	}
	at := ""
	if !p.At.IsZero() {
		at = p.At.UTC().Format(time.RFC3339Nano)
	}
	cursor, err := view.SealCode(r.Engine.Sealer, keys.Code(at+"~"+p.ID))
	return l.Path + "?" + strings.TrimPrefix(l.Query+"&"+name+"="+url.QueryEscape(cursor), "&"), err
}

// ExportURL returns the URL that exports the whole list in a format, csv or json. A template must not join the parts of
// the URL, because html/template would escape the separators of the query.
func (l listing) ExportURL(format string) string {
	return l.Path + "/export?" + strings.TrimPrefix(l.Query+"&format="+format, "&")
}

func (l *listing) field(name string) filterField {
	if i := slices.IndexFunc(l.Fields, func(f filterField) bool { return f.Name == name }); i >= 0 {
		return l.Fields[i]
	}
	return filterField{}
}

func (l *listing) value(name string) string { return l.field(name).Value }

func (l *listing) fail(text string) {
	if l.err == nil {
		l.err = pageError{http.StatusBadRequest, "The filter is not valid", text}
	}
}

// time parses the value of a field with parse. It returns the zero time if the field is empty.
func (l *listing) time(name string, parse func(string) (time.Time, error)) time.Time {
	f := l.field(name)
	if f.Value == "" {
		return time.Time{}
	}
	at, err := parse(f.Value)
	if err != nil {
		l.fail(f.Label + " " + err.Error() + ".")
	}
	return at
}

// country returns the value of the field country, or "" if the field is empty or not valid.
func (l *listing) country() stock.Country {
	text := l.value("country")
	if text == "" {
		return ""
	}
	c, err := csvfile.ParseCountry(text)
	if err != nil {
		l.fail("The country must be an ISO 3166-1 alpha-2 code, such as US.")
	}
	return c
}

// valuesOf returns the values of a field, which are separated by commas. Each value must be one of the allowed values.
func valuesOf[T ~string](l *listing, name string, allowed []T) (all []T) {
	if l.value(name) == "" {
		return nil
	}
	for v := range strings.SplitSeq(l.value(name), ",") {
		if !slices.Contains(allowed, T(v)) {
			l.fail(fmt.Sprintf("There is no %s with that name.", name))
		}
		all = append(all, T(v))
	}
	return all
}

// toOptions returns the option "any", and then an option for each value.
func toOptions[T ~string](all []T) []option {
	options := []option{{"", "any"}}
	for _, v := range all {
		options = append(options, option{string(v), strings.ReplaceAll(string(v), "_", " ")})
	}
	return options
}

// exportsCodes reports whether exports of this operator contain whole codes.
func (r *request) exportsCodes() bool { return r.token.Role.Allows(admin.Export) }

// export sends the list as a file, in JSON or in the CSV that the function write makes. The function row returns the
// JSON row and the CSV row of an entry. If hasCodes is true and the operator's exports contain codes, export records
// the number of rows in the audit log.
func export[T, J, C any](
	r *request, s selection[T], name string, hasCodes bool, row func(T) (J, C), write func(io.Writer, iter.Seq2[C, error]) error,
) error {
	all, err := s.all()
	if err != nil {
		return err
	}
	inJSON, inCSV := make([]J, len(all)), make([]C, len(all))
	for i, v := range all {
		inJSON[i], inCSV[i] = row(v)
	}
	if hasCodes && r.exportsCodes() {
		r.audit("export "+name, r.token, slog.Int("count", len(all)))
	}
	if r.req.URL.Query().Get("format") != "json" {
		return r.sendFile(name+".csv", csvType, func(w io.Writer) error { return write(w, seq.All(inCSV)) })
	}
	return r.sendFile(name+".json", "application/json", func(w io.Writer) error { return json.NewEncoder(w).Encode(inJSON) })
}
