package csvfile

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// parseHeader finds where each column stands.
func parseHeader(cells, columns, need []string) (map[string]int, error) {
	if slices.Contains(cells, copyColumn) {
		return nil, errCopy
	}
	if !slices.ContainsFunc(cells, func(c string) bool { return slices.Contains(columns, strings.ToLower(c)) }) {
		return nil, fmt.Errorf("the first line must name the columns: some of %s", strings.Join(columns, ","))
	}
	header := map[string]int{}
	for i, name := range cells {
		if lower := strings.ToLower(name); lower != name && slices.Contains(columns, lower) {
			return nil, fmt.Errorf("column %d (%s) must be written in lower case: %s", i+1, name, lower)
		}
		if !slices.Contains(columns, name) {
			return nil, fmt.Errorf("column %d%s is none of %s", i+1, quoted(name), strings.Join(columns, ","))
		}
		if _, twice := header[name]; twice {
			return nil, fmt.Errorf("the column %s comes twice", name)
		}
		header[name] = i
	}
	for _, name := range need {
		if _, found := header[name]; !found {
			return nil, fmt.Errorf("the column %s is missing", name)
		}
	}
	return header, nil
}

// maxName is the longest name of an unknown column that is repeated in an error.
const maxName = 32

// quoted repeats an unknown column's name if it looks like one, and not like a code.
func quoted(name string) string {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && r != '_' && r != '-' && r != ' '
	}) {
		return ""
	}
	return fmt.Sprintf(" (%s)", name)
}
