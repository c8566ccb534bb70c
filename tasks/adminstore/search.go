package adminstore

import (
	"cmp"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A Search is a text that an operator looks for. [ParseSearch] makes one.
type Search struct {
	Text     string      // an order, a username, or the id of a task or plan, or its beginning
	Codes    []keys.Code // whole codes
	Prefixes []string    // beginnings of codes
	Ends     []string    // last characters of codes, [EndLen] each
	Limit    int         // of each kind of result
}

// The end of a code is its last EndLen characters: the last group of a generated code. A search finds only codes of
// MinEndCode characters or more by their end. A masked code shows the same characters of such a code.
const (
	EndLen     = 5
	MinEndCode = 20
)

// Found is the result of a search. Each list is in the order of the bytes of the texts that match. So among the texts
// that begin with the searched text, an exact match is the first.
type Found struct {
	Codes     []tasks.Snapshot // keys whose code matches
	Orders    []tasks.Snapshot // keys whose order matches
	Usernames []tasks.Snapshot // keys whose username matches
	Tasks     []tasks.Snapshot
	Plans     []stock.Plan
}

// ParseSearch reads a text that a person typed or pasted. A part of a code may be written in the spellings of
// [keys.Parse]. Only for a client that may list whole codes, pass true for prefixes. Otherwise the client could find a
// code character by character.
func ParseSearch(text string, prefixes bool, limit int) Search {
	text = keys.Trim(strings.TrimPrefix(keys.Trim(text), "…"))
	s := Search{Text: text, Limit: limit}
	if text == "" {
		return s
	}
	if code, err := keys.ParseTyped(text); err == nil {
		s.Codes = []keys.Code{code}
	}
	spellings := []string{text}
	if own, ok := keys.ParsePart(text); ok && own != text {
		spellings = append(spellings, own)
	}
	if prefixes {
		s.Prefixes = spellings
	}
	for _, end := range spellings {
		if len(end) == EndLen {
			s.Ends = append(s.Ends, end)
		}
	}
	return s
}

// MatchCode reports whether the search finds a key by its code.
func (s Search) MatchCode(code keys.Code) bool {
	text := string(code)
	return slices.Contains(s.Codes, code) ||
		slices.ContainsFunc(s.Prefixes, func(p string) bool { return strings.HasPrefix(text, p) }) ||
		len(text) >= MinEndCode && slices.ContainsFunc(s.Ends, func(end string) bool { return strings.HasSuffix(text, end) })
}

// Match reports whether the search finds an order, a username, a task or a plan by the given text.
func (s Search) Match(text string) bool { return s.Text != "" && strings.HasPrefix(text, s.Text) }

// In searches among the given keys, tasks and plans. It is for stores that keep everything in memory.
func (s Search) In(allKeys, allTasks []tasks.Snapshot, plans []stock.Plan) Found {
	code := func(v tasks.Snapshot) string { return string(v.Key.Code) }
	order := func(v tasks.Snapshot) string { return v.Key.OrderID }
	username := func(v tasks.Snapshot) string { return v.Key.Username }
	return Found{
		Codes:     matches(allKeys, s.Limit, code, func(text string) bool { return s.MatchCode(keys.Code(text)) }),
		Orders:    matches(allKeys, s.Limit, order, s.Match),
		Usernames: matches(allKeys, s.Limit, username, s.Match),
		Tasks:     matches(allTasks, s.Limit, func(v tasks.Snapshot) string { return v.Task.ID }, s.Match),
		Plans:     matches(plans, s.Limit, func(p stock.Plan) string { return p.ID }, s.Match),
	}
}

// matches returns the first n elements whose text matches, in the order of the texts.
func matches[T any](all []T, n int, text func(T) string, match func(string) bool) (found []T) {
	for _, v := range all {
		if match(text(v)) {
			found = append(found, v)
		}
	}
	slices.SortStableFunc(found, func(x, y T) int { return cmp.Compare(text(x), text(y)) })
	return found[:min(n, len(found))]
}
