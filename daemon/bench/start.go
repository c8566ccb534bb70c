package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// settings are settings of the PostgreSQL server. They make checkpoints rare, because a checkpoint during one
// measurement would slow down one program only. They give enough memory for the indexes of the biggest tables.
var settings = []string{
	"synchronous_commit=on", "shared_buffers=1GB", "max_wal_size=16GB", "checkpoint_timeout=1h", "maintenance_work_mem=512MB",
}

// growthSettings are further settings for --growth. They make the server measure the time of statements, and keep the
// write-ahead log small while tables are filled.
var growthSettings = []string{"shared_preload_libraries=pg_stat_statements", "max_wal_size=4GB"}

// open starts the PostgreSQL server and builds keyseatd. Afterwards, also after a failure, the caller calls close.
func (b *bench) open(ctx context.Context) {
	b.self, b.folder = must(os.Executable()), must(os.MkdirTemp("", "keyseat-bench-"))
	all := slices.Concat(settings, b.settings)
	if b.growth > 0 {
		all = slices.Concat(settings, growthSettings, b.settings)
	}
	var err error
	b.admin, b.stop, err = pgtest.Launch(pgtest.Options{Durable: true, Config: all}) //nolint:contextcheck // Launch has a timeout of its own
	check(err)
	b.postmaster = postmasterOf(ctx, b.admin)
	if b.keyseatd == "" {
		b.keyseatd = b.build(ctx)
	}
	b.master = b.path("master.key")
	b.runKeyseatd(ctx, nil, "master-key", "add", b.master)
}

func (b *bench) close() {
	if b.stop != nil {
		b.stop()
	}
	if err := os.RemoveAll(b.folder); err != nil {
		b.logf("%v", err)
	}
}

// build builds keyseatd from the checkout, in the main module of keyseat, because bench's module has other
// dependencies.
func (b *bench) build(ctx context.Context) string {
	checkout, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/keyseat/keyseat").Output()
	if err != nil {
		check(fmt.Errorf("find the checkout (run this as go -C daemon/bench run .): %w", err))
	}
	root, program := strings.TrimSpace(string(checkout)), filepath.Join(b.folder, "keyseatd")
	args := []string{"build", "-C", root, "-o", program}
	if b.profile != "" {
		args = append(args, "-overlay", b.overlay(root))
	}
	out, err := exec.CommandContext(ctx, "go", append(args, "./daemon/keyseatd")...).CombinedOutput()
	if err != nil {
		check(fmt.Errorf("build keyseatd: %w: %s", err, out))
	}
	return program
}

// profileSource is an additional source file for a keyseatd that is profiled. From its start until it is killed, such a
// keyseatd writes numbered CPU profiles of [profileSeconds] each.
const profileSource = `package main

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

// profileSeconds is the duration of each CPU profile, in seconds.
const profileSeconds = 3

// overlay writes a file for the flag -overlay of "go build", and returns its path. The flag adds [profileSource] to
// keyseatd. So the sources of keyseatd need no code for profiles.
func (b *bench) overlay(root string) string {
	folder := must(filepath.Abs(b.profile))
	check(os.MkdirAll(folder, 0o755))
	source, overlay := b.path("profile.go"), b.path("overlay.json")
	pattern := filepath.Join(folder, "keyseatd-%d-%02d.pprof")
	check(os.WriteFile(source, fmt.Appendf(nil, profileSource, pattern, profileSeconds), 0o600))
	added := filepath.Join(root, "daemon", "keyseatd", "profile_of_bench.go")
	text := must(json.Marshal(map[string]map[string]string{"Replace": {added: source}}))
	check(os.WriteFile(overlay, text, 0o600))
	return overlay
}

// postmasterOf returns the process id of the PostgreSQL server, which is the parent of the process that serves a
// connection. The id is 0 on systems other than Linux.
func postmasterOf(ctx context.Context, admin string) (pid int) {
	check(withConn(ctx, admin, func(conn *pgx.Conn) error {
		pid = statOf(int(conn.PgConn().PID())).PPID
		return nil
	}))
	return pid
}
