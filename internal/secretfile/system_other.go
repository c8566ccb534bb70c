//go:build !unix

package secretfile

import "io/fs"

// hasModes says whether the modes of files mean something. Windows makes them up.
const hasModes = false

func hasOtherNames(fs.FileInfo) bool { return true }
