// Package holderpage is a web page on which the holder of a key checks it, upgrades an account with it, or
// renews it.
//
// A [Page] is a client of the API in the same process. It makes the call that a form requests and shows the
// answer. Therefore every rule and every limit is the API's. The page shows the API's sentences unchanged,
// together with friendlier texts.
//
//	browser ──GET──▶ Page ──?stock──────────────▶ daemon.API
//	        ──POST─▶      ──info|upgrade|renew──▶     │
//	        ◀─HTML──      ◀─────────JSON──────────────┘
//
// The page is one document that includes its style and its script. It loads nothing from other sites, and its
// Content-Security-Policy forbids other content.
//
// The page also works without its script. The script only avoids a reload of the page: it sends the same form
// and inserts the same answer. It repeats the call while a task is open.
//
// Forms are sent with POST, so that no URL contains a typed value. No page contains the login, the password or
// the new email that a reader has sent. The page stores nothing: no cookie, no browser storage, no cache. Only
// the key and the country return to the reader, in the answer to the form that contained them, for the next call.
//
// # Custom texts and styles
//
// Every text of the page is a template in the language of html/template. The files of this package show the
// names of the templates. A program that embeds the page can pass a file system to [New]. The root of the file
// system can contain these files:
//
//   - *.html: each template that the file defines replaces the template of the same name. For example,
//     {{define "brand"}}Seat Shop{{end}} in brand.html changes the name of the page. To translate the page,
//     replace "language", "lead", "headline", "hint" and the other texts. To change its layout, replace "page"
//     and "answer".
//   - theme.css: added to the style. It can set the colors that the first rule of the style declares.
//   - style.css, script.js: replace the whole file. An empty script.js removes the script.
package holderpage
