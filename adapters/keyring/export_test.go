package keyring

// Overhead is by how much an envelope is longer than its content.
const Overhead = headerSize + overhead
