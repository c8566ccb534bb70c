package blackbox_test

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/unicode"
)

// TestSpreadsheetFiles imports files as spreadsheets write them, and none that a spreadsheet has
// damaged.
func TestSpreadsheetFiles(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("code\torder_id\r\n00012\tBüro\r\nplain\t2\r\n")
		if err != nil {
			s.Fatal(err)
		}
		s.MustExecInput(wide, "keys", "import", "--dry-run", "-")
		s.MustExecInput(wide, "keys", "import", "-")
		s.MustExecInput("\ufeffsep=;\r\ncode;order_id\r\n\"12345678901234567890\";1,5\r\n", "keys", "import", "-")
		s.MustExecInput("id;country;slots\np; us ;3\n", "plans", "import", "-")
		if p := s.Plans()["p"]; p.Country != "US" || p.Slots != 3 {
			s.Errorf("%+v", p)
		}
		for file, want := range map[string]string{
			"Code,used\na,1\n":            "line 1: column 1 (Code) must be written in lower case: code",
			"sep=|\ncode|used\na|1\n":     "line 1: sep= must name a comma, a semicolon or a tab",
			"code\na\n1.23457E+15\n":      "line 3: code looks like a number that a spreadsheet has rounded",
			"code\n\"=\"\"000124\"\"\"":   "line 2: code looks like a spreadsheet's formula",
			"code\n=\"000124\"\n":         "line 2: a cell looks like a spreadsheet's formula",
			"code\n'=1+1\n":               "line 2: code begins with an apostrophe",
			"code;used,order_id\na;1,2\n": "line 1: the first line must name the columns with one separator",
		} {
			if r := s.ExecInput(file, "keys", "import", "-"); r.Code != 1 || !strings.Contains(r.Err, want) || strings.Count(r.Err, "\n") != 1 {
				s.Errorf("%q: %+v", file, r)
			}
			if r := s.ExecInput(file, "keys", "import", "--dry-run", "-"); r.Code != 1 || !strings.Contains(r.Out, want) {
				s.Errorf("%q, dry run: %+v", file, r)
			}
		}
		if r := s.ExecInput("ID,country,slots\nq,US,1\n", "plans", "import", "-"); r.Code != 1 || !strings.Contains(r.Err, "column 1 (ID) must be written in lower case: id") {
			s.Errorf("plans: %+v", r)
		}
		guarded := s.MustExec("keys", "export", "--spreadsheet")
		for _, want := range []string{"\n'00012,", "\n'12345678901234567890,", ",\"'1,5\",", "\nplain,", ",2,"} {
			if !strings.Contains(guarded, want) {
				s.Errorf("%q is missing in\n%s", want, guarded)
			}
		}
		export := s.MustExec("keys", "export")
		again := NewSQLiteShop(s.T)
		if r := again.ExecInput(guarded, "keys", "import", "-"); r.Code != 1 || !strings.Contains(r.Err, "exported without --spreadsheet") {
			s.Errorf("the copy is imported: %+v", r)
		}
		again.MustExecInput(export, "keys", "import", "-")
		if got := again.MustExec("keys", "export"); got != export {
			s.Errorf("exported\n%s\nafter an import\n%s", export, got)
		}
	})
}
