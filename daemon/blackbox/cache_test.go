package blackbox_test

import (
	"io/fs"
	"path/filepath"
	"testing"
)

// TestTheCacheSeesTheProgram reads the folders of the sources, because go test keeps a result for as
// long as nothing has changed that its tests have read themselves, and what TestMain builds they have
// not.
func TestTheCacheSeesTheProgram(t *testing.T) {
	err := filepath.WalkDir(Root, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == ".git" {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
