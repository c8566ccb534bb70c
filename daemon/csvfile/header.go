package csvfile

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

var keyColumns = []string{
	"code", "purchase_date", "order_id", "used", "used_date", "invite", "address",
	"username", "verify_address", "status", "message", "revoked",
}

// KeyColumns lists the columns of a file of keys, in the order in which [WriteKeys] writes them. Only code is required.
func KeyColumns() []string { return slices.Clone(keyColumns) }

var planColumns = []string{"id", "country", "address", "invite", "slots", "expires_at"}

// PlanColumns lists the columns of a file of plans. The columns id, country and slots are required.
func PlanColumns() []string { return slices.Clone(planColumns) }

// parseHeader returns the position of each column. The header may name only the given columns, and must name those in
// need.
func parseHeader(cells, columns, need []string) (map[string]int, error) {
	if slices.Contains(cells, copyColumn) {
		return nil, fmt.Errorf("the column %s marks a copy for spreadsheets, whose cells may be changed: "+
			"import a file that was exported without --spreadsheet", copyColumn)
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
			return nil, fmt.Errorf("column %d%s is not one of %s", i+1, quoteColumn(name), strings.Join(columns, ","))
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

const maxQuoted = 32 // the maximum length of an unknown column name that an error quotes, in bytes

// quoteColumn returns an unknown column name for use in an error. It returns "" if the text may be a code,
// because an error must not quote a code.
func quoteColumn(name string) string {
	if name == "" || len(name) > maxQuoted || strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && r != '_' && r != '-' && r != ' '
	}) {
		return ""
	}
	return fmt.Sprintf(" (%s)", name)
}
