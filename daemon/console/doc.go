// Package console is the web interface for operators. It shows the state of the shop and the history of a
// key, and it has buttons for the actions of the admin API.
//
// [Console] handles the path / and the paths below /console/. An operator signs in with a token of the
// admin API and gets a session, which is a cookie. Each request looks the token up again. Therefore a
// session ends when the token's line is removed from the file.
//
// Pages read from the store. Changes go through the admin API itself, in the same process and with the
// session's own token. Therefore a change from the console has the same role checks, rules, history and
// audit log as any other.
//
//	browser ─▶ Console ─▶ session, token ─▶ page ◀── tasks.Engine, tasks.AdminStore, tasks.TaskStats
//	               │
//	               └─ form ─▶ confirm ─▶ POST /admin/v1/… ─▶ tasks.Engine
//
// Every page works without JavaScript. JavaScript draws the charts and refreshes the data. A page
// loads nothing from other hosts, and it never contains a login, a password or a token.
package console
