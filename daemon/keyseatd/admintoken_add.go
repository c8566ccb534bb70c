package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/keyseat/keyseat/daemon/admin"
)

// adminTokenAdd is the command keyseatd admin-token add.
type adminTokenAdd struct {
	File string     `arg:"" help:"The file of tokens; it is made with mode 0600." validate:"required"`
	Name string     `help:"Whose token it is, for the audit log." required:"" placeholder:"NAME"`
	Role admin.Role `help:"What it is good for: ${enum}. Write is read too." required:"" enum:"read,write" placeholder:"ROLE"`
}

// Help explains the token file and shows examples.
func (*adminTokenAdd) Help() string {
	return examples("The token is printed once, and only its SHA-256 is stored. A line of the file is a name, a role and the token "+
		"or its hash: to take a token away, delete its line. A daemon that serves knows the file as it is now.",
		"keyseatd admin-token add admin-tokens --name webshop --role write",
		"keyseatd admin-token add admin-tokens --name dashboard --role read")
}

// tokenPrefix makes a leaked token recognizable.
const tokenPrefix = "keyseat_admin_"

// Run adds a token to the file. It prints the token after the file is stored.
func (a *adminTokenAdd) Run(_ context.Context, c stdio) error {
	token := admin.NewToken(a.Name, a.Role, "")
	if err := token.Check(); err != nil {
		return usageError{err}
	}
	text := tokenPrefix + rand.Text()
	if err := admin.TokenFile(a.File).Add(admin.NewToken(a.Name, a.Role, text)); err != nil {
		return err
	}
	stored := fmt.Sprintf("the token of %s is in %s and cannot be shown again", a.Name, a.File)
	return c.printStored(stored, "delete the line that begins with "+a.Name+" from the file, then run the command again", func(w io.Writer) error {
		_, err := fmt.Fprintln(w, text)
		return err
	})
}
