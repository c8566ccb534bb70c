package pgtest

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
)

// errNoServer means that the programs of PostgreSQL are not installed.
var errNoServer = errors.New("no PostgreSQL")

// The folders of PostgreSQL's programs in distributions that do not add them to PATH.
var folders = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // Fedora, RHEL
	"/opt/homebrew/opt/postgresql*/bin", // brew on Apple silicon
	"/usr/local/opt/postgresql*/bin",    // brew on Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
}

// programs returns the folder of initdb and postgres: the one in PATH, or else the newest installed one.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil { // a link in PATH may exist for some programs only
			path = target
		}
		if complete(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	for _, pattern := range folders {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		for _, folder := range slices.Backward(found) {
			if complete(folder) {
				return folder, nil
			}
		}
	}
	return "", errNoServer
}

func complete(folder string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(folder, program)); err != nil {
			return false
		}
	}
	return true
}
