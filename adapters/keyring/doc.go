// Package keyring seals what no store may see, with AES-256-GCM under a ring of master keys.
//
// The ring is a file. The first key encrypts, all of them decrypt:
//
//	# since May
//	5f0c3a1e qNbW…44 characters of base64…=
//	# before
//	a94e07d2 Z1x0…=
//
// A line is a key's id and 32 random bytes. The id is derived from the bytes, so that a damaged line
// is noticed; it is no secret. A new key is put first with [Add]; when nothing that is stored needs
// the older ones, [Prune] drops them. A [Ring] that serves meanwhile sees the change.
//
// What is sealed is an envelope, 33 bytes longer than its content:
//
//	version 1 │ id of the key │ nonce    │ ciphertext and tag
//	1 byte    │ 4 bytes       │ 12 bytes │ 16 bytes longer than the content
//
// It opens only together with the bytes that it was bound to. The key that encrypts is derived from
// the master key for this one purpose. The nonce is random, which is safe for four billion envelopes
// under one key (2³²; NIST SP 800-38D, section 8.3): add a new key long before.
//
// On Unix a file that everybody may read is refused; its group may, because mounted secrets are often
// read so.
package keyring
