// Package keyring encrypts the secrets that no store may see, with AES-256-GCM under a ring of master keys.
//
// The ring is a file. The first key encrypts, and all keys decrypt:
//
//	# since this morning
//	5f0c3a1e qNbW…44 characters of base64…= 2026-11-29T12:00:00Z
//	# before
//	a94e07d2 Z1x0…= 2026-11-28T12:00:00Z
//
// A line is a key's id, 32 random bytes, and the time at which the key was made. The id is derived from the bytes, so that
// a damaged line is detected. The id is not secret. Lines of earlier versions have no time: their age is unknown.
// [Add] makes a new key and writes it as the first one. A [Ring] in use reads the changed file.
//
// # Rotation
//
// A database keeps old versions of a row in its files, its log, standbys and backups. So an account that was erased from
// its row can still be found there. Nobody can open it when its master key is gone. [Rotate] therefore adds a key each
// period, and destroys the older keys that nothing needs:
//
//	made ──▶ first: encrypts ──a period──▶ later: decrypts only ──10 minutes, not in use──▶ destroyed
//
// The keys must not be in the database or in its backups. A key that is wrapped by another key and stored in the database
// is in the same log as the row that it protects. A key that only a process holds is lost with it, and accepted tasks
// are lost too.
//
// A daemon can encrypt with a key that is no longer the first one of the file, in two cases:
//
//   - It has read the file just before the change. For this case a key stays in the file for 10 minutes ([Rest]).
//   - It has a copy of the file. For this case daemons record in the database which key they encrypt with.
//
// Edits lock the temporary file that replaces the file, so they run one after the other. A process that dies leaves no
// lock. After the replacement of a file with a destroyed key, Rotate overwrites the old file and syncs it. That is no
// guarantee on file systems that copy on write, and on disks that move blocks.
//
// # Envelopes
//
// An encrypted text is an envelope:
//
//	version 2 │ id of the key │ nonce    │ ciphertext of the content, padded │ tag
//	1 byte    │ 4 bytes       │ 12 bytes │ a multiple of 128 bytes           │ 16 bytes
//
// The padding is one byte 0x80 and then zeros, so that the length of an envelope does not show that of a password.
// An envelope decrypts only together with the bytes that it was bound to, and with its header. The key that encrypts is
// derived from the master key for this one purpose. Envelopes of version 1 have no padding and an unauthenticated header.
// They still open.
//
// The nonce is random, which is safe for four billion envelopes under one key (2³²; NIST SP 800-38D, section 8.3). A
// daily rotation keeps far below that.
//
// On Unix, a file that every user of the machine can read or write is an error. The mode may let every user read the
// file in two cases. Either other users cannot enter its folder, or the file is a secret that is mounted in memory.
// The group of the file may read it, because mounted secrets are often readable for a group.
package keyring
