package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// recorder is a source file that is added to a profiled keyseatd. From its start until it is killed, that
// keyseatd writes numbered CPU profiles of a few seconds each.
const recorder = `package main

import (
	"fmt"
	"os"
	"runtime/pprof"
	"time"
)

func init() { go record(%q) }

func record(pattern string) {
	for n := 0; ; n++ {
		file, err := os.Create(fmt.Sprintf(pattern, os.Getpid(), n))
		if err == nil {
			err = pprof.StartCPUProfile(file)
		}
		if err != nil {
			return
		}
		time.Sleep(%d * time.Second)
		pprof.StopCPUProfile()
		_ = file.Close()
	}
}
`

// seconds is the length of each profile.
const seconds = 3

// overlay returns the path of an overlay file for go build, which adds recorder to keyseatd. So keyseatd
// itself contains no code for profiles.
func (b *bench) overlay(root string) (string, error) {
	folder, err := filepath.Abs(b.profile)
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err != nil {
		return "", err
	}
	source, list := b.path("profile.go"), b.path("overlay.json")
	into := filepath.Join(folder, "keyseatd-%d-%02d.pprof")
	if err := os.WriteFile(source, fmt.Appendf(nil, recorder, into, seconds), 0o600); err != nil {
		return "", err
	}
	seen := filepath.Join(root, "daemon", "keyseatd", "profile_of_bench.go")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {seen: source}})
	if err != nil {
		return "", err
	}
	return list, os.WriteFile(list, text, 0o600)
}
