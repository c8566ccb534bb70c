// Package keyring encrypts the secrets that no store may see, with AES-256-GCM under a ring of master keys.
//
// The ring is a file. The first key encrypts, and all keys decrypt:
//
//	# since May
//	5f0c3a1e qNbW…44 characters of base64…=
//	# before
//	a94e07d2 Z1x0…=
//
// A line is a key's id and 32 random bytes. The id is derived from the bytes, so that a damaged line is
// detected. The id is not secret. [Add] makes a new key and writes it as the first one. When no stored envelope
// needs the older keys, [Prune] removes them. A [Ring] in use reads the changed file.
//
// An encrypted text is an envelope, 33 bytes longer than its content:
//
//	version 1 │ id of the key │ nonce    │ ciphertext and tag
//	1 byte    │ 4 bytes       │ 12 bytes │ 16 bytes longer than the content
//
// An envelope decrypts only together with the bytes that it was bound to. The key that encrypts is derived from
// the master key for this one purpose. The nonce is random, which is safe for four billion envelopes under one
// key (2³²; NIST SP 800-38D, section 8.3). Add a new key long before that.
//
// On Unix, a file that every user of the machine can read or write is an error. The mode may let every user read the
// file in two cases. Either other users cannot enter its folder, or the file is a secret that is mounted in memory.
// The group of the file may read it, because mounted secrets are often readable for a group.
package keyring
