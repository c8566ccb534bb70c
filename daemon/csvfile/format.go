package csvfile

import (
	"bufio"
	"bytes"
	"errors"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/unicode"
)

// What the beginning of a file can be refused for.
var (
	ErrWorkbook  = errors.New("the file is a spreadsheet's own format: save it as CSV")
	ErrSeparator = errors.New("the first line must name the columns with one separator between them, and it has several of comma, semicolon and tab")
	errDeclared  = errors.New("sep= must name a comma, a semicolon or a tab")
	ErrUTF16     = errors.New("the file is not valid UTF-16 here: save it as UTF-8")
)

// decode gives a file's text in UTF-8 without a byte order mark, and whether it came as UTF-16. A file
// in UTF-16 needs no mark, because every second byte of a first line in ASCII is zero.
func decode(in *bufio.Reader) (text *bufio.Reader, wide bool, err error) {
	first, _ := in.Peek(4) // a short file has fewer
	order := unicode.LittleEndian
	switch {
	case bytes.HasPrefix(first, []byte("PK\x03\x04")):
		return nil, false, LineError{1, ErrWorkbook}
	case bytes.HasPrefix(first, []byte("\ufeff")):
		_, _ = in.Discard(len("\ufeff")) // cannot fail: it has just been peeked at
		return in, false, nil
	case bytes.HasPrefix(first, []byte("\xff\xfe")) || zeros(first, 1, 3):
	case bytes.HasPrefix(first, []byte("\xfe\xff")) || zeros(first, 0, 2):
		order = unicode.BigEndian
	default:
		return in, false, nil
	}
	decoder := unicode.UTF16(order, unicode.UseBOM).NewDecoder()
	return bufio.NewReaderSize(decoder.Reader(in), maxRow), true, nil
}

// zeros says whether of four bytes just those two are zero.
func zeros(first []byte, i, j int) bool {
	return len(first) == 4 && bytes.Count(first, []byte{0}) == 2 && first[i] == 0 && first[j] == 0
}

// separators are the characters that may stand between cells.
const separators = ",;\t"

// declared is a first line by which spreadsheets name the separator.
var declared = regexp.MustCompile(`(?i)^"?sep=(.)"?$`)

// findSeparator finds out which separator a file has: the one that a line sep= declares, or else the only
// one in the first line. It makes a line sep= empty.
func findSeparator(in *bufio.Reader) (rune, error) {
	before, first := peekLine(in)
	line := 1 + strings.Count(before, "\n")
	if found := declared.FindStringSubmatch(first); found != nil {
		if !strings.Contains(separators, found[1]) {
			return 0, LineError{line, errDeclared}
		}
		_, _ = in.Discard(len(before) + len(first)) // cannot fail: it has just been peeked at
		return rune(found[1][0]), nil
	}
	separator, n := ',', 0
	for _, c := range separators {
		if strings.ContainsRune(first, c) {
			separator, n = c, n+1
		}
	}
	if n > 1 {
		return 0, LineError{line, ErrSeparator}
	}
	return separator, nil
}

// peekLine gives the first line that is not empty, and what is before it. It reads no further than that
// line, because a person may be typing the file.
func peekLine(in *bufio.Reader) (before, line string) {
	for {
		text, _ := in.Peek(in.Buffered()) // cannot fail
		rest := bytes.TrimLeft(text, "\r\n")
		before = string(text[:len(text)-len(rest)])
		if end := bytes.IndexAny(rest, "\r\n"); end >= 0 {
			return before, string(rest[:end])
		}
		if _, err := in.Peek(len(text) + 1); err != nil {
			return before, string(rest) // the reader of the rows gets the error again
		}
	}
}
