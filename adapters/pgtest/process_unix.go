//go:build unix

package pgtest

import (
	"fmt"
	"os"
	"os/user"
	"syscall"
)

// nobody is the user id that most systems give to a user without rights.
const nobody = 65534

// unprivileged returns attributes with which a program runs as a user other than root, because initdb and postgres
// refuse root. The program gets its own process group, so that an interrupt at the terminal reaches only the test.
func unprivileged() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if uid, gid, root := serverUser(); root {
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return attr
}

// serverUser returns the ids of the user and group for PostgreSQL's processes, and whether the test runs as root. The
// user is postgres if the system has that user, and otherwise [nobody].
func serverUser() (uid, gid int, root bool) {
	uid, gid, root = nobody, nobody, os.Geteuid() == 0
	if u, err := user.Lookup("postgres"); err == nil {
		_, _ = fmt.Sscan(u.Uid+" "+u.Gid, &uid, &gid) // both are numbers on Unix
	}
	return uid, gid, root
}

// chownToServer makes the user of PostgreSQL's processes the owner of a folder.
func chownToServer(folder string) error {
	if uid, gid, root := serverUser(); root {
		return os.Chown(folder, uid, gid)
	}
	return nil
}

func kill(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }

// suspend stops a process as kill -STOP does.
func suspend(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }

// killGroup kills all processes of the process group of a leader.
func killGroup(leader int) error { return kill(-leader) }
