// Package loglimit bounds the log lines of an event that repeats.
//
// A client, a provider or a broken database can cause the same event a thousand times a second.
// A [Limiter] logs the first event of a subject immediately. It counts the events that follow, logs their
// number at the end of each minute, and each of them at debug only. A subject with no event for a minute is forgotten, so that its
// next event is a first one again.
//
//	event     x xxxxxxxx xx       xxxxxxxxx       ·  nothing  ·        x
//	log line  1                 60 s: 10 more   120 s: 9 more   180 s  1
//
// A client can change what identifies it, for example its IPv6 address. Therefore at most [MaxSubjects]
// subjects have lines of their own. The events of all others are counted together.
package loglimit
