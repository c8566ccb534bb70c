package console

import (
	"bytes"
	"encoding/json"
	"iter"
	"log/slog"
	"net/http"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// The limits of an export: the rows of one read, and all rows.
const (
	exportPage = 5000
	maxExport  = 50_000
)

// errExportSize is the page for an export of more than [maxExport] rows.
var errExportSize = pageError{http.StatusUnprocessableEntity, "The list is too long", "An export has up to 50 000 lines. Set a filter that selects fewer."}

// exportKeys sends the keys that the query selects as a file.
func (r *request) exportKeys() error {
	_, f, err := r.keyFilter()
	if err != nil {
		return err
	}
	read := func(p adminstore.Page) (adminstore.List, error) { return r.AdminStore.Keys(r.req.Context(), f, p) }
	all, err := collect(adminstore.Each(adminstore.Page{Order: adminstore.Newest, Limit: exportPage}, read))
	if err != nil {
		return err
	}
	rows, stored := make([]view.Key, len(all)), make([]keys.Key, len(all))
	for i, v := range all {
		rows[i], stored[i] = view.NewKey(v), v.Key
		if !r.exportsCodes() {
			rows[i], stored[i].Code = rows[i].Masked(), view.Mask(v.Key.Code)
		}
	}
	r.auditExport("keys", len(rows))
	return r.sendExport("keys", rows, func(b *bytes.Buffer) error { return csvfile.WriteKeys(b, seq.All(stored), true) })
}

// exportTasks sends the tasks that the query selects as a file.
func (r *request) exportTasks() error {
	_, f, err := r.taskFilter()
	if err != nil {
		return err
	}
	read := func(p adminstore.Page) (adminstore.List, error) { return r.AdminStore.Tasks(r.req.Context(), f, p) }
	all, err := collect(adminstore.Each(adminstore.Page{Order: taskOrder(f.State), Limit: exportPage}, read))
	if err != nil {
		return err
	}
	rows, stored := make([]view.Task, len(all)), make([]tasks.Task, len(all))
	for i, v := range all {
		rows[i], stored[i] = view.NewTask(*v.Task), *v.Task
		if !r.exportsCodes() {
			rows[i], stored[i].Code = rows[i].Masked(), view.Mask(v.Task.Code)
		}
	}
	r.auditExport("tasks", len(rows))
	return r.sendExport("tasks", rows, func(b *bytes.Buffer) error { return csvfile.WriteTasks(b, seq.All(stored)) })
}

// exportsCodes reports whether the operator gets whole codes in lists.
func (r *request) exportsCodes() bool { return r.token.Role.Allows(admin.Export) }

// collect returns the rows of a list. The error is errExportSize if the list has more than [maxExport] rows.
func collect[T any](rows iter.Seq2[T, error]) (all []T, _ error) {
	for v, err := range rows {
		if err != nil {
			return nil, err
		}
		if len(all) == maxExport {
			return nil, errExportSize
		}
		all = append(all, v)
	}
	return all, nil
}

// auditExport writes a line of the audit log if a file of n rows has whole codes.
func (r *request) auditExport(name string, n int) {
	if r.exportsCodes() {
		r.audit("export "+name, r.token, slog.Int("count", n))
	}
}

// sendExport sends rows as JSON or as CSV.
func (r *request) sendExport(name string, rows any, writeCSV func(*bytes.Buffer) error) (err error) {
	var b bytes.Buffer
	extension, contentType := "csv", "text/csv; charset=utf-8"
	if r.req.URL.Query().Get("format") == "json" {
		extension, contentType = "json", "application/json"
		err = json.NewEncoder(&b).Encode(rows)
	} else {
		err = writeCSV(&b)
	}
	if err != nil {
		return err
	}
	r.sendFile(name+"."+extension, contentType, b.Bytes())
	return nil
}

// sendFile sends a file to save.
func (r *request) sendFile(name, contentType string, text []byte) {
	r.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	r.send(http.StatusOK, contentType, text)
}
