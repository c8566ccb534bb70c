package webhooks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/keyseat/keyseat/internal/safefile"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An Endpoint is a receiver of webhooks: its URL, the types of events that it gets, and the secrets that sign them.
type Endpoint struct {
	Name    string
	URL     tasks.Secret // secret, because a path or a query may contain a token
	Secrets []tasks.Secret
	Types   []Type
	Low     map[stock.Country]int // per country, its threshold: the country is low if it has this number of free slots or fewer; [EveryCountry]: all other countries
}

// EveryCountry stands for each country that has plans and no threshold of its own.
const EveryCountry stock.Country = "*"

// Wants reports whether the endpoint gets events of type t.
func (e Endpoint) Wants(t Type) bool { return slices.Contains(e.Types, t) }

// lowThreshold returns the number of free slots at which a country is low. It returns false if there is no such number.
func (e Endpoint) lowThreshold(country stock.Country) (int, bool) {
	threshold, own := e.Low[country]
	if !own {
		threshold, own = e.Low[EveryCountry]
	}
	return threshold, own && e.Wants(StockLow)
}

// LowThreshold returns the highest threshold of the endpoints for a country. It returns false if no endpoint has one.
func LowThreshold(all []Endpoint, country stock.Country) (highest int, ok bool) {
	for _, e := range all {
		if n, has := e.lowThreshold(country); has {
			highest, ok = max(highest, n), true
		}
	}
	return highest, ok
}

// lowCountries returns the countries that are low by the thresholds of the endpoint.
func (e Endpoint) lowCountries(levels []stock.Level) (all []lowStock) {
	if !e.Wants(StockLow) {
		return nil
	}
	seen := map[stock.Country]bool{}
	for _, l := range levels {
		seen[l.Country] = true
		if threshold, has := e.lowThreshold(l.Country); has && l.Free <= threshold {
			all = append(all, lowStock{l.Country, l.Free, threshold})
		}
	}
	for country, threshold := range e.Low {
		if country != EveryCountry && !seen[country] { // the country has no plan
			all = append(all, lowStock{country, 0, threshold})
		}
	}
	return all
}

// A Policy states which endpoints an operator allows.
type Policy struct {
	Plaintext bool // allow http in addition to https
	Private   bool // allow addresses that are not public
	NoProxy   bool // ignore HTTP_PROXY, HTTPS_PROXY and NO_PROXY
}

type entry struct {
	Name    string                `json:"name"`
	URL     string                `json:"url"`
	Secrets []string              `json:"secrets"`
	Events  []Type                `json:"events"`
	Low     map[stock.Country]int `json:"stock_low"`
}

// Parse parses a JSON array of endpoints. Each endpoint is an object with these fields:
//
//   - name, url, secrets: required.
//   - events: the types of events to send. Default: all types.
//   - stock_low: per country, the number of free slots at which the country is low, with "*" for every
//     other country. Default: 0 for every country.
//
// An error quotes no URL and no secret.
func Parse(text []byte, p Policy) ([]Endpoint, error) {
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))) // some editors write a byte order mark
	decoder.DisallowUnknownFields()
	var entries []entry
	if err := decoder.Decode(&entries); err != nil {
		return nil, sanitizeJSONError(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("unexpected text after the list of endpoints")
	}
	var all []Endpoint
	for i, e := range entries {
		end, err := e.endpoint(p)
		if err != nil {
			return nil, fmt.Errorf("endpoint %d: %w", i+1, err)
		}
		if slices.ContainsFunc(all, func(other Endpoint) bool { return other.Name == end.Name }) {
			return nil, fmt.Errorf("endpoint %d: another endpoint has its name", i+1)
		}
		all = append(all, end)
	}
	return all, nil
}

// sanitizeJSONError describes an error of JSON without any text of the file.
func sanitizeJSONError(err error) error {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return fmt.Errorf("invalid JSON at byte %d", syntax.Offset)
	}
	if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) && kind.Field != "" {
		return fmt.Errorf("%q has the wrong type", kind.Field)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends too early")
	}
	return errors.New("want a JSON array of objects with name, url, secrets, events, stock_low, and no other field")
}

// validName matches the names of endpoints. It is compiled at its first use, because that takes long.
var validName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`) })

func (e entry) endpoint(p Policy) (Endpoint, error) {
	if !validName().MatchString(e.Name) {
		return Endpoint{}, errors.New("a name is 1 to 64 letters, digits, dots, dashes and underscores")
	}
	if err := checkURL(e.URL, p); err != nil {
		return Endpoint{}, err
	}
	if len(e.Secrets) == 0 {
		return Endpoint{}, errSecret
	}
	end := Endpoint{Name: e.Name, URL: tasks.NewSecret(e.URL), Types: e.Events, Low: map[stock.Country]int{}}
	for _, s := range e.Secrets {
		if err := checkSecret(s); err != nil {
			return Endpoint{}, err
		}
		end.Secrets = append(end.Secrets, tasks.NewSecret(s))
	}
	if e.Events == nil {
		end.Types = Types()
	}
	for _, t := range end.Types {
		if !slices.Contains(Types(), t) {
			return Endpoint{}, fmt.Errorf("unknown event type %q", t)
		}
	}
	return end, end.setLow(e.Low)
}

func (e Endpoint) setLow(thresholds map[stock.Country]int) error {
	if thresholds == nil {
		e.Low[EveryCountry] = 0
	}
	for country, n := range thresholds {
		code := country
		if country != EveryCountry {
			parsed, err := stock.ParseCountry(keys.Trim(string(country)))
			if err != nil {
				return fmt.Errorf("stock_low: %q is not a country code", country)
			}
			code = parsed
		}
		if n < 0 {
			return errors.New("stock_low: must not be negative")
		}
		e.Low[code] = n
	}
	return nil
}

func checkURL(text string, p Policy) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Fragment != "":
		return errors.New("url is not a valid http(s) URL")
	case u.User != nil:
		return errors.New("url must not have a user or password: the signature identifies keyseat")
	case u.Scheme == "http" && !p.Plaintext:
		return errors.New("url must be https://, unless --webhook-plaintext is given")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("url must be https://")
	}
	return nil
}

var errSecret = errors.New("a secret must be whsec_ followed by the base64 of 24 to 64 random bytes")

// checkSecret returns an error if s is not a valid secret. The error never quotes s.
func checkSecret(s string) error {
	encoded, prefixed := strings.CutPrefix(s, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !prefixed || err != nil || len(key) < 24 || len(key) > 64 {
		return errSecret
	}
	return nil
}

// A File reads an operator's file of endpoints, with their secrets. It reads the file again when the file
// has changed. A File is safe for concurrent use.
type File struct {
	path   string
	policy Policy

	mu   sync.Mutex
	seen fs.FileInfo // of the latest read
	all  []Endpoint  // the endpoints of the latest read that succeeded
	err  error       // the error of the latest read, or nil
}

// Open reads a file of endpoints in the format of [Parse].
func Open(path string, p Policy) (*File, error) {
	f := &File{path: path, policy: p}
	_, err := f.Endpoints()
	return f, err
}

// Endpoints returns the endpoints of the current file. If the file is invalid, it returns the endpoints of the latest
// valid file. While the same error repeats, Endpoints returns it only once.
func (f *File) Endpoints() ([]Endpoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := os.Stat(f.path)
	if err == nil && safefile.Unchanged(f.seen, now) {
		return f.all, nil
	}
	var text []byte
	if err == nil {
		text, now, err = safefile.Read(f.path, math.MaxInt64)
	}
	if err == nil {
		err = safefile.CheckPrivate(f.path, now)
	}
	var all []Endpoint
	if err == nil {
		all, err = Parse(text, f.policy)
	}
	if err == nil {
		f.all = all
	} else if known := (*fs.PathError)(nil); !errors.As(err, &known) { // the text of a PathError contains the path already
		err = fmt.Errorf("%s: %w", f.path, err)
	}
	repeated := f.err != nil && err != nil && f.err.Error() == err.Error()
	f.seen, f.err = now, err
	if repeated {
		return f.all, nil
	}
	return f.all, err
}
