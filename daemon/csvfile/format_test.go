package csvfile_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding/unicode"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/keys"
)

// utf16 encodes a text as UTF-16.
func utf16(t testing.TB, order unicode.Endianness, mark unicode.BOMPolicy, text string) string {
	t.Helper()
	file, err := unicode.UTF16(order, mark).NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestFormats checks that the same keys are read from the files of different programs.
func TestFormats(t *testing.T) {
	const plain = "code,address,used\na;b,\"1 Straße,\n2\",1\n00012,é 🎁,0\n"
	want, err := read(plain)
	if err != nil || len(want) != 2 {
		t.Fatalf("%+v, %v", want, err)
	}
	semicolon := "code;address;used\n\"a;b\";\"1 Straße,\n2\";1\n00012;é 🎁;0\n"
	tab := strings.ReplaceAll(strings.ReplaceAll(semicolon, "\"a;b\"", "a;b"), ";a", "\ta")
	tab = strings.NewReplacer(";used", "\tused", "a;b;", "a;b\t", "\";1", "\"\t1", "00012;", "00012\t", ";0", "\t0").Replace(tab)
	files := map[string]string{"semicolon": semicolon, "tab": tab}
	for name, file := range map[string]string{"comma": plain, "semicolon": semicolon, "tab": tab} {
		files[name+", UTF-8 with a mark"] = "\ufeff" + file
		files[name+", CRLF"] = strings.ReplaceAll(file, "\n", "\r\n")
		files[name+", empty lines"] = "\n\r\n" + file
		for order, endian := range map[string]unicode.Endianness{"little": unicode.LittleEndian, "big": unicode.BigEndian} {
			files[name+", UTF-16 with a mark, "+order] = utf16(t, endian, unicode.UseBOM, file)
			files[name+", UTF-16, "+order] = utf16(t, endian, unicode.IgnoreBOM, file)
		}
	}
	for name, sep := range map[string]string{"comma": "sep=,", "semicolon": "SEP=;", "tab": "\"sep=\t\""} {
		file := map[string]string{"comma": plain, "semicolon": semicolon, "tab": tab}[name]
		files[name+" declared"] = sep + "\n" + file
		files[name+" declared, UTF-16"] = utf16(t, unicode.LittleEndian, unicode.UseBOM, sep+"\r\n"+file)
	}
	for name, file := range files {
		got, err := read(strings.ReplaceAll(file, "\r\n2", "\n2"))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", name, err, got, want)
		}
	}
}

// formatFaults contains files that a spreadsheet has written or changed, and the beginning of the error of
// each.
var formatFaults = map[string]string{
	"Code\na\n":                   "line 1: column 1 (Code) must be written in lower case: code",
	"sep=;\nCODE;Used\na;1\n":     "line 2: column 1 (CODE) must be written in lower case: code",
	"code,Used_Date\na,\n":        "line 1: column 2 (Used_Date) must be written in lower case: used_date",
	"code;used,address\n":         "line 1: the first line must name the columns with one separator between them, and it has several of comma, semicolon and tab",
	"code|used\na|1\n":            "line 1: the first line must name the columns",
	"\n\r\nsep=|\ncode|used\n":    "line 3: sep= must name",
	"sep=|\ncode|used\n":          "line 1: sep= must name a comma, a semicolon or a tab",
	"sep=,\n":                     "line 1: the file is empty",
	"sep=;\ncode;used\na;9\n":     "line 3: used must be 0, 1, true or false",
	"code;used\na;1\nb\n":         "line 3: 1 cells under a header of 2",
	"PK\x03\x04\x14\x00":          "line 1: the file is a spreadsheet's own format: save it as CSV",
	"\xff\xfe":                    "line 1: the file is empty",
	"code\na\n1.23457E+15\n":      "line 3: code looks like a number that a spreadsheet has rounded",
	"code\n1,23457E+015\n":        "line 2: 2 cells under a header of 1",
	"code;used\n1,2345E+015;0":    "line 2: code looks like a number that a spreadsheet has rounded",
	"code\n 1e+20\u200b\n":        "line 2: code looks like a number that a spreadsheet has rounded",
	"code\n\"=\"\"000124\"\"\"\n": "line 2: code looks like a spreadsheet's formula",
	"code\na\n=\"000124\"\n":      "line 3: a cell looks like a spreadsheet's formula",
	"code\n'=1+1\n":               "line 2: code begins with an apostrophe, as in a copy for spreadsheets",
	"code\n'000124\n":             "line 2: code begins with an apostrophe",
	"code\n'-a\n":                 "line 2: code begins with an apostrophe",
	"code,spreadsheet\na,\n":      "line 1: the column spreadsheet marks a copy for spreadsheets",
	"code\n=\"1\"\nb\"c\n":        "line 2: a cell looks like a spreadsheet's formula",
	"code\n\"=\"\"a\"\nb\"c\n":    "line 3: a quote is out of place or never closed",
	"\xff\xfec\x00o\x00d\x00e\x00\n\x00a\x00\x00\xd8\n\x00": "line 2: the file is not valid UTF-16 here: save it as UTF-8",
	"\xff\xfec\x00o\x00d\x00e\x00\n\x00a":                   "line 2: the file is not valid UTF-16 here: save it as UTF-8",
}

func TestInvalidFormats(t *testing.T) {
	for file, want := range formatFaults {
		_, err := read(file)
		var line csvfile.LineError
		if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.As(err, &line) {
			t.Errorf("%q: %v\nwant %s", file, err, want)
		}
	}
	for file, want := range map[string]string{
		"ID,country,slots\np,US,1\n":            "line 1: column 1 (ID) must be written in lower case: id",
		"id;country;slots\n1.23457E+15;US;1\n":  "line 2: id looks like a number that a spreadsheet has rounded",
		"id\tcountry\tslots\n=\"01\"\tUS\t1\n":  "line 2: a cell looks like a spreadsheet's formula",
		"id,country,slots\n\"=\"\"1\"\"\",US,1": "line 2: id looks like a spreadsheet's formula",
		"id,country,slots,spreadsheet\np,US,1,": "line 1: the column spreadsheet marks",
	} {
		if _, err := csvfile.New(strings.NewReader(file)).Plans(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", file, err, want)
		}
	}
}

// TestUnusualCodesAreKept checks that codes are accepted unchanged if they only resemble a spreadsheet's form.
func TestUnusualCodesAreKept(t *testing.T) {
	for _, code := range []keys.Code{"00012", "123456789012345678", "1E5", "1E+5", "1.5", "=1+1", "+a", "-a", "@a", "'a", "'1'", "E+5", "a=\"b\"", "sep=;", "\"a\""} {
		got, err := read(write(t, false, keys.Key{Code: code, Status: keys.Active}))
		if err != nil || len(got) != 1 || got[0].Code != code {
			t.Errorf("%s: %+v, %v", code, got, err)
		}
		got, err = read("code\n\"" + strings.ReplaceAll(string(code), `"`, `""`) + "\"\n")
		if err != nil || len(got) != 1 || got[0].Code != code {
			t.Errorf("%s alone: %+v, %v", code, got, err)
		}
	}
	for _, code := range []keys.Code{"'=a", "'00012", `="00012"`} {
		got, err := read(write(t, false, keys.Key{Code: code, Status: keys.Active}))
		if err != nil || len(got) != 1 || got[0].Code != code {
			t.Errorf("%s: %+v, %v", code, got, err)
		}
	}
	_, err := read(write(t, false, keys.Key{Code: "1.23457E+15", Status: keys.Active}))
	if err == nil || !strings.Contains(err.Error(), "has rounded") {
		t.Errorf("a spreadsheet has saved an export: %v", err)
	}
}

// TestInputByteByByte reads files that arrive byte by byte.
func TestInputByteByByte(t *testing.T) {
	for _, file := range []string{"sep=;\ncode;used\na;1\n", utf16(t, unicode.BigEndian, unicode.UseBOM, "code\tused\na\t1\n"), "\ufeffcode,used\na,1"} {
		n := 0
		for k, err := range csvfile.New(iotest.OneByteReader(strings.NewReader(file))).Keys() {
			if n++; err != nil || k.Code != "a" || !k.Used {
				t.Errorf("%q: %+v, %v", file, k, err)
			}
		}
		if n != 1 {
			t.Errorf("%q: %d rows", file, n)
		}
	}
}

// TestHeaderIsCheckedFirst checks that the header is validated before the rows arrive, for example when a person
// types them.
func TestHeaderIsCheckedFirst(t *testing.T) {
	for _, header := range []string{"code,colour\n", "code;colour\n"} {
		for _, err := range csvfile.New(io.MultiReader(strings.NewReader(header), broken{io.ErrNoProgress})).Keys() {
			if err == nil || !strings.Contains(err.Error(), "column 2 (colour)") {
				t.Errorf("%q: %v", header, err)
			}
		}
	}
}

// TestSpreadsheetCopy checks which cells get an apostrophe, and that a copy for spreadsheets is rejected.
func TestSpreadsheetCopy(t *testing.T) {
	for text, escaped := range map[string]bool{
		"00012": true, "12345678901234567890": true, "123456789012": true, "1E5": true, "1.50": true, "1,5": true, "2026-11-22": true,
		"1/2": true, "12:30": true, "1 000": true, ".5": true, "=a": true, "-1": true,
		"0": false, "12": false, "12345678901": false, "a1": false, "1a": false, "4711-b": false, "": false,
	} {
		file := write(t, true, keys.Key{Code: "K", Status: keys.Active, OrderID: text, Username: text})
		cells := strings.Split(strings.Split(file, "\n")[1], ",")
		if strings.Contains(text, ",") {
			if !strings.Contains(file, `"'`+text+`"`) {
				t.Errorf("%q: %s", text, file)
			}
			continue
		}
		want := text
		if escaped {
			want = "'" + text
		}
		if cells[2] != want || cells[7] != want {
			t.Errorf("%q: %q, %q", text, cells[2], cells[7])
		}
		if _, err := read(file); err == nil || !strings.HasPrefix(err.Error(), "line 1: the column spreadsheet marks a copy") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if file := write(t, true, keys.Key{Code: "00012345678901234567", Status: keys.Active}); !bytes.Contains([]byte(file), []byte("\n'00012345678901234567,")) {
		t.Error(file)
	}
}
