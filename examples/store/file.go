package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// A file has the state as JSON. Each change replaces it.
type file struct {
	path string
	sync func(*os.File) error // flushes a file to the disk
	text []byte               // the file's content
}

// open reads the file. If the file does not exist, the store is empty.
func open(path string) (*store, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte("{}"), nil
	}
	s := &store{file: file{path: path, sync: (*os.File).Sync, text: text}, state: newState()}
	return s, errors.Join(err, json.Unmarshal(text, &s.state))
}

// save replaces the file. If that fails, save takes back the change of the state.
func (f *file) save(s *state) error {
	text, err := json.Marshal(s)
	if err == nil && !bytes.Equal(text, f.text) {
		err = f.replace(text)
	}
	if err != nil {
		*s = newState()
		return errors.Join(err, json.Unmarshal(f.text, s))
	}
	f.text = text
	return nil
}

// replace writes a new file to the disk, and then renames it over the old one. It returns after the rename is
// on the disk too.
func (f *file) replace(text []byte) error {
	file, err := os.OpenFile(f.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, f.sync(file), file.Close()); err == nil {
		err = os.Rename(file.Name(), f.path)
	}
	if err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	return errors.Join(f.sync(folder), folder.Close())
}
