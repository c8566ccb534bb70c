package main

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestPrivateFiles checks that a private key is refused if every user can read it. The same holds for a
// config file with a password, but not for a config file without one.
func TestPrivateFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	dir, err := os.MkdirTemp("/tmp", "open") //nolint:usetesting // because a test's own temporary folder is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	change := func(path string, mode os.FileMode) {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	change(dir, 0o755)
	sh := shell{T: t, dir: dir}
	open := sh.file("open.pem", "")
	change(open, 0o644)
	if err := (&certificate{chain: open, key: open}).read(); err == nil || !strings.Contains(err.Error(), "chmod o-rw") {
		t.Errorf("a key that is read again: %v", err)
	}
	for _, c := range []struct {
		name, text string
		args       []string
		refused    int // the exit status
	}{
		{"key.pem", "", []string{"--tls-cert=cert.pem", "--tls-key=" + dir + "/key.pem"}, exitFailed},
		{"a.json", `{"database": "postgres://u:s3cret@h/d"}`, []string{"--config=" + dir + "/a.json", "--database=sqlite:k.db"}, exitUsage},
		{"b.json", `{"database": "postgres://h/d?x=y&password=s3cret"}`, []string{"--config=" + dir + "/b.json", "--database=sqlite:k.db"}, exitUsage},
		{"c.json", `{"connector": "https://s3cret@h"}`, []string{"--config=" + dir + "/c.json"}, exitUsage},
		{"d.json", `{"database": "postgres://u@h/d?search_path=x", "workers": 3}`, []string{"--config=" + dir + "/d.json", "--database=sqlite:k.db"}, exitDone},
	} {
		path := sh.file(c.name, c.text)
		args := append([]string{"config", "--connector=sim"}, c.args...)
		sh.ok(args...)
		change(path, 0o644)
		switch c.refused {
		case exitDone:
			sh.ok(args...)
		case exitFailed:
			sh.failsAfter("NAME", exitFailed, "--tls-key: "+path+": every user of this machine can read or write it", "", args...)
		default:
			sh.fails(exitUsage, "--config: "+path+": it has a password, and every user of this machine can read or write it: run chmod o-rw", "", args...)
		}
		change(dir, 0o700)
		sh.ok(args...)
		change(dir, 0o755)
	}
}
