package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/keyseat/keyseat/daemon/terminal"
)

type versionCmd struct{ outputFlag }

func (v *versionCmd) Run(_ context.Context, c stdio) error {
	b := newBuild()
	if v.Output == terminal.JSON {
		return terminal.PrintJSON(c.out, b)
	}
	_, err := fmt.Fprintf(c.out, "%s\nrevision  %s\nof        %s\nbuilt by  %s for %s\n", version(), b.Revision, b.Time, b.Go, b.Platform)
	return err
}

// version returns the program's name and the module's version, as the toolchain recorded it.
func version() string { return "keyseatd " + newBuild().Version }

// A build is the build information that the toolchain stores in the program.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // the commit of the sources, with the suffix "+changes" if the sources had uncommitted changes
	Time     string `json:"time"`     // the time of the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newBuild() build {
	b := build{Version: "(devel)", Revision: "unknown", Time: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				b.Revision += "+changes"
			}
		}
	}
	return b
}
