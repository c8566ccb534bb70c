// Package console is what an operator sees in a browser: how a shop stands, what became of a key, and
// buttons for what there is to do about it.
//
// [Console] is a handler of the path / and of those below /console/. Whoever shows a token of the
// admin API gets a session, which is a cookie; each request looks for the token again, so that a
// session ends when the token's line is taken out of the file. What is shown is read from the store.
// What changes anything is asked of the admin API itself, in the same process and with the session's
// own token: a role, a rule, a line of history or of the audit log is the same either way.
//
//	browser ─▶ Console ─▶ session, token ─▶ page ◀── tasks.Engine, tasks.AdminStore, tasks.TaskStats
//	               │
//	               └─ form ─▶ confirm ─▶ POST /admin/v1/… ─▶ tasks.Engine
//
// Every page is whole without script; with it charts are drawn and what changes is read again. Nothing
// comes from another host, and no login, no password and no token is ever on a page.
package console
