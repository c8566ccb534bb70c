package keyring

// Overhead is the length of an envelope without its content, in bytes.
const Overhead = headerSize + overhead
