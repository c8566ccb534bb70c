// Package holderpage is a web page on which the holder of a key checks it, upgrades an account with it, or
// renews it.
//
// A [Page] is a client of the API like any other, only within the same process: it makes the call that
// a form asks for and shows the answer. So every rule and every limit is the API's, and its sentences
// are shown as it gives them, beside friendlier words.
//
//	browser ──GET──▶ Page ──?stock──────────────▶ daemon.API
//	        ──POST─▶      ──info|upgrade|renew──▶     │
//	        ◀─HTML──      ◀─────────JSON──────────────┘
//
// The page is one document, with its style and script in it and nothing from outside; its policy
// allows no other. It works without script, which only saves a reader from loading the page again: it
// sends the same form, puts the same answer into the page, and asks again while a task is open.
//
// Forms are posted, so that nothing that was typed is in a URL. Login, password and new email are in
// no page that is sent back, and nothing is kept: no cookie, no storage, no cache. The key alone comes
// back to whoever has just sent it, so that it can be asked for again.
//
// # Texts and looks of your own
//
// Every text of the page is a template of its own, in html/template's language; the files that come
// with this package show their names. Whoever embeds the page gives [New] a file system with some of
// these at its root:
//
//   - *.html: what it defines replaces the template of that name. {{define "brand"}}Seat Shop{{end}} in
//     brand.html is enough to rename the page; "language", "lead", "headline", "hint" and the others
//     translate it, "page" and "answer" lay it out anew.
//   - theme.css: added to the style, to set the colours that its first rule declares.
//   - style.css, script.js: replace the whole file. An empty script.js makes a page without any.
package holderpage
