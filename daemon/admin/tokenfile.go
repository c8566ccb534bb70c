package admin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/keyseat/keyseat/internal/safefile"
)

// A TokenFile is the path of a file of tokens. The file is read again for each request: it is small, and a removed
// token must stop working immediately. While the file has an error, no token is accepted.
type TokenFile string

const maxFileSize = 1 << 20 // bytes

// Find implements [Tokens].
func (f TokenFile) Find(text string) (Token, error) {
	all, err := f.Load()
	if err != nil {
		return Token{}, err
	}
	return all.Find(text)
}

// Load reads the tokens. An error contains the file name and the line number, never the content of the line.
func (f TokenFile) Load() (TokenList, error) {
	file, err := os.Open(string(f))
	if err != nil {
		return nil, f.wrapError(err)
	}
	defer func() { _ = file.Close() }() // the file was only read
	_, all, err := readTokens(file)
	return all, f.wrapError(err)
}

// Add appends a token with a new name to the file. If the file does not exist, Add creates it with mode
// 0600. Only the hash of the token is stored.
func (f TokenFile) Add(t Token) error { return f.append(t, false) }

// Renew appends another token with the name and role of a token in the file. Both tokens work.
func (f TokenFile) Renew(t Token) error { return f.append(t, true) }

func (f TokenFile) append(t Token, renew bool) error {
	file, err := os.OpenFile(string(f), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return f.wrapError(err)
	}
	return f.wrapError(errors.Join(appendToken(file, t, renew), file.Close()))
}

func appendToken(file *os.File, t Token, renew bool) error {
	text, all, err := readTokens(file)
	if err != nil {
		return err
	}
	switch known := slices.ContainsFunc(all, func(other Token) bool { return other.Name == t.Name }); {
	case known && !renew:
		return fmt.Errorf("%s is in the file already: choose another name, or delete its line first", t.Name)
	case !known && renew:
		return fmt.Errorf("%s is not in the file: it cannot be renewed", t.Name)
	}
	line := t.line() + "\n"
	if len(text) > 0 && text[len(text)-1] != '\n' {
		line = "\n" + line
	}
	if _, err := parseTokens(append(text, line...)); err != nil {
		return err
	}
	_, err = file.WriteString(line)
	if err == nil {
		err = file.Sync()
	}
	if err != nil { // half a line would make the whole file invalid
		return errors.Join(err, file.Truncate(int64(len(text))))
	}
	return nil
}

// readTokens checks the permissions of an open file, and reads its tokens. It does not open the path again, because
// another file may have replaced this one.
func readTokens(file *os.File) (text []byte, all TokenList, err error) {
	info, err := file.Stat()
	if err == nil {
		err = safefile.CheckPrivate(file.Name(), info)
	}
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(file, maxFileSize+1))
	}
	switch {
	case err != nil:
		return nil, nil, err
	case len(text) > maxFileSize:
		return nil, nil, fmt.Errorf("it is longer than %d bytes", maxFileSize)
	}
	all, err = parseTokens(text)
	return text, all, err
}

// wrapError adds the name of the file to an error. Errors of package os contain the path already.
func (f TokenFile) wrapError(err error) error {
	var known *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return fmt.Errorf("admin tokens: %w", err)
	}
	return fmt.Errorf("admin tokens %s: %w", string(f), err)
}
