//go:build !unix

package secretfile

import "io/fs"

// hasModes is false, because Windows makes up the modes of files.
const hasModes = false

func hasOtherNames(fs.FileInfo) bool { return true }
