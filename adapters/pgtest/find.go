package pgtest

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
)

// errNoServer says that the server's programs are not installed.
var errNoServer = errors.New("no PostgreSQL")

// Where distributions keep the programs that they do not put into PATH.
var folders = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // Fedora, RHEL
	"/opt/homebrew/opt/postgresql*/bin", // brew on Apple silicon
	"/usr/local/opt/postgresql*/bin",    // brew on Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
}

// programs finds the folder of initdb and postgres: that of PATH, else the newest installed.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil { // because not all may be linked into PATH
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
