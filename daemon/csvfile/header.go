package csvfile

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// parseHeader returns the position of each column. The header may name the columns in columns, and must
// name the columns in need.
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

// maxName is the maximum length of an unknown column name that an error quotes, in bytes.
const maxName = 32

// quoted returns an unknown column name for use in an error. It returns "" if the text may be a code,
// because an error must not quote a code.
func quoted(name string) string {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && r != '_' && r != '-' && r != ' '
	}) {
		return ""
	}
	return fmt.Sprintf(" (%s)", name)
}
