package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A cpuTime is the processor time that a server and all processes of PostgreSQL have used. On a machine with
// other load, it is more reliable than elapsed time.
type cpuTime struct{ server, database time.Duration }

func (c cpuTime) since(before cpuTime) cpuTime {
	return cpuTime{c.server - before.server, c.database - before.database}
}

// per returns the time per response, for n responses.
func (c cpuTime) per(n int) cpuTime {
	n = max(n, 1)
	return cpuTime{c.server / time.Duration(n), c.database / time.Duration(n)}
}

// cpuOf returns the time so far. It is 0 on systems other than Linux.
func (b *bench) cpuOf(p *process) cpuTime {
	return cpuTime{server: processCPU(p.cmd.Process.Pid), database: childrenCPU(b.postmaster)}
}

// statFields returns the fields of a process's line in /proc, from its state on. The parent's id is next.
func statFields(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	line := string(text)
	return strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
}

// The indexes of fields that [statFields] returns, and the length of a tick, which is constant on Linux.
const (
	statParent   = 1
	statUser     = 11 // the next field is system
	statChildren = 13 // the same two fields, of the ended children
	tick         = 10 * time.Millisecond
)

func processCPU(pid int) time.Duration { return ticks(pid, statUser) }

// ticks returns the sum of a field and the next one, as a duration.
func ticks(pid, field int) time.Duration {
	fields := statFields(pid)
	if len(fields) <= field+1 {
		return 0
	}
	one, _ := strconv.Atoi(fields[field]) // Linux writes a number
	other, _ := strconv.Atoi(fields[field+1])
	return time.Duration(one+other) * tick
}

// childrenCPU returns the sum over all children of a process, including ended ones.
func childrenCPU(pid int) time.Duration {
	sum := ticks(pid, statChildren)
	folders, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, folder := range folders {
		child, _ := strconv.Atoi(filepath.Base(folder)) // the pattern matches numbers only
		if fields := statFields(child); len(fields) > statParent && fields[statParent] == strconv.Itoa(pid) {
			sum += processCPU(child)
		}
	}
	return sum
}

// postmasterOf returns the id of the server's first process, which is the parent of our connection's
// process. It is 0 on systems other than Linux.
func postmasterOf(ctx context.Context, admin string) (pid int, err error) {
	err = withConn(ctx, admin, func(conn *pgx.Conn) error {
		if fields := statFields(int(conn.PgConn().PID())); len(fields) > statParent {
			pid, err = strconv.Atoi(fields[statParent])
		}
		return err
	})
	return pid, err
}
