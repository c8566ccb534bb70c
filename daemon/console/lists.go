package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// pageSize is the number of lines per page of a list.
const pageSize = 50

// A listing is the frame of a list: its filters, and the links to its other pages.
type listing struct {
	Path     string // of the page with the list
	Fields   []filterField
	Filtered bool   // a filter is set
	Query    string // the filters as a query, for the export
	Clear    string // URL of the list without filters
	First    bool   // the page is the first one
	Previous string // URL, "" if there is no such page
	Next     string
}

// A filterField is a field of the form with the filters. A field without options takes any text.
type filterField struct {
	Name, Label, Value string
	Options            []option
	Hint               string
}

// An option is a value that a field can have.
type option struct{ Value, Label string }

// newListing returns the frame of the list at a path, with the values of the fields and of the parameters kept that the
// query has. The links keep these values, and the link without filters keeps only the parameters in kept.
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

// value returns the value of a field.
func (l listing) value(name string) string {
	i := slices.IndexFunc(l.Fields, func(f filterField) bool { return f.Name == name })
	if i < 0 {
		return ""
	}
	return l.Fields[i].Value
}

// page returns the part of the list that the cursor of the request selects. An invalid cursor selects the first page.
func (r *request) page(order adminstore.Order) adminstore.Page {
	query := r.req.URL.Query()
	p := adminstore.Page{Order: order, Limit: pageSize, Back: query.Get("before") != ""}
	text, err := view.OpenCode(r.Engine.Sealer, query.Get("after")+query.Get("before"))
	at, id, _ := strings.Cut(string(text), "~")
	if err != nil {
		return adminstore.Page{Order: order, Limit: pageSize}
	}
	p.After.ID = id
	if at != "" {
		p.After.At, _ = time.Parse(time.RFC3339Nano, at) // the console sealed it
	}
	return p
}

// setLinks sets the links to the pages around a page of the list, which begin at these positions.
func (l *listing) setLinks(r *request, next, previous adminstore.Position) (err error) {
	if l.Next, err = l.link(r, "after", next); err == nil {
		l.Previous, err = l.link(r, "before", previous)
	}
	return err
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

// parseFilterTime parses a time of a filter with parse. An empty text is the zero time.
func parseFilterTime(name, text string, parse func(string) (time.Time, error)) (at time.Time, err error) {
	if text == "" {
		return at, nil
	}
	if at, err = parse(text); err != nil {
		err = badFilter(name + " " + err.Error() + ".")
	}
	return at, err
}

// badFilter returns the page for a filter that is not valid.
func badFilter(text string) error {
	return pageError{http.StatusBadRequest, "The filter is not valid", text}
}

// parseFilterCountry parses the country of a filter.
func parseFilterCountry(text string) (c stock.Country, err error) {
	if text == "" {
		return "", nil
	}
	if c, err = csvfile.ParseCountry(text); err != nil {
		err = badFilter("The country must be an ISO 3166-1 alpha-2 code, such as US.")
	}
	return c, err
}

// toOptions returns an option for each value, after an option for any value.
func toOptions[T ~string](all []T) []option {
	options := []option{{"", "any"}}
	for _, v := range all {
		options = append(options, option{string(v), strings.ReplaceAll(string(v), "_", " ")})
	}
	return options
}

// parseList parses values with commas between them, each of which must be one of the allowed values.
func parseList[T ~string](name, text string, allowed []T) (all []T, _ error) {
	if text == "" {
		return nil, nil
	}
	for v := range strings.SplitSeq(text, ",") {
		if !slices.Contains(allowed, T(v)) {
			return nil, badFilter(fmt.Sprintf("There is no %s with that name.", name))
		}
		all = append(all, T(v))
	}
	return all, nil
}
