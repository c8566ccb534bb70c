// Package loglimit bounds the log lines of an event that repeats.
//
// A client, a provider or a broken database can cause the same event a thousand times a second.
// A [Limiter] logs the first event of a subject immediately. It logs each later event only at the level debug,
// and counts it. At the end of each minute it logs the number of these events. If a subject has no event for a
// minute, the Limiter forgets the subject, so that its next event counts as a first one again.
//
//	event     x xxxxxxxx xx       xxxxxxxxx       ·  nothing  ·        x
//	log line  1                 60 s: 10 more   120 s: 9 more   180 s  1
//
// A client can change its identity, for example its IPv6 address. Therefore at most [MaxSubjects]
// subjects have lines of their own. The Limiter counts the events of all other subjects together.
package loglimit
