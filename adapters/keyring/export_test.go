package keyring

// The sizes of an envelope.
const (
	Overhead  = headerSize + overhead
	BlockSize = blockSize
)
